"""A small server that the supervisor's tests run as a part.

    python stand_in.py PORT NAME JOURNAL [exit-at-once | slow]

It answers HTTP on PORT and notes in the file JOURNAL when it starts and when it is asked to stop.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name http.server calls
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def note(journal: str, what: str) -> None:
    with open(journal, "a") as file:
        file.write(f"{what}\n")


def main() -> None:
    number, name, journal, *mode = sys.argv[1:]
    if mode == ["exit-at-once"]:
        print(f"{name} cannot find its purpose", flush=True)
        sys.exit(3)

    def stop(_number: int, _frame: object) -> None:
        if mode == ["slow"]:
            time.sleep(0.3)
        note(journal, f"{name} stopped")
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    server = HTTPServer(("127.0.0.1", int(number)), Answer)
    note(journal, f"{name} started")
    server.serve_forever()


if __name__ == "__main__":
    main()
