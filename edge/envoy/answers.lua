-- Answers requests that no service is asked for. The route says how, in its metadata under
-- "envoy.filters.http.lua": status, and optionally body and allow. Answering from a filter instead
-- of with Envoy's direct_response keeps the CORS headers; error bodies come from the local reply
-- mappers.

function envoy_on_request(handle)
  local answer = handle:metadata()
  local headers = { [":status"] = answer:get("status"), ["cache-control"] = "no-store" }
  local allow = answer:get("allow")
  if allow ~= nil then
    headers["allow"] = allow
  end
  local body = answer:get("body")
  if body ~= nil then
    headers["content-type"] = "application/json"
  end
  handle:respond(headers, body or "")
end
