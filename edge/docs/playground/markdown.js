// The little Markdown that answers use: paragraphs, lists, bold, links, pictures. Builds nodes, never
// HTML from text, so that an answer can't put a script into the page.

const INLINE = /\*\*(.+?)\*\*|!\[([^\]]*)\]\((https?:\/\/[^\s)]+)\)|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g;

function inline(target, text) {
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    target.append(text.slice(at, found.index));
    const [all, bold, alt, picture, label, link] = found;
    if (bold) {
      const strong = document.createElement("strong");
      strong.textContent = bold;
      target.append(strong);
    } else if (picture) {
      const image = document.createElement("img");
      image.src = picture;
      image.alt = alt;
      target.append(image);
    } else {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.rel = "noopener noreferrer";
      anchor.target = "_blank";
      anchor.textContent = label;
      target.append(anchor);
    }
    at = found.index + all.length;
  }
  target.append(text.slice(at));
}

export function render(target, text) {
  target.replaceChildren();
  let block = null;
  for (const line of text.split("\n")) {
    const item = line.match(/^\s*(?:[-*]|(\d+)\.)\s+(.*)$/);
    const kind = item ? (item[1] ? "OL" : "UL") : "P";
    if (!line.trim()) {
      block = null;
      continue;
    }
    if (block?.tagName !== kind) {
      block = document.createElement(kind.toLowerCase());
      target.append(block);
    } else if (kind === "P") {
      block.append("\n");
    }
    if (item) {
      const li = document.createElement("li");
      inline(li, item[2]);
      block.append(li);
    } else {
      inline(block, line.replace(/^#+\s+/, ""));
    }
  }
}
