-- Shapes HTTP answers the way the app expects them. It stands before the transcoder in the filter
-- list and therefore sees responses after it.
--
-- x-http-status: 201 becomes the response status. It is initial metadata that a servicer sends
-- (services/runtime/reply.py), or comes in the trailers of a failed call. gRPC's own headers are kept
-- from JSON clients.
--
-- A route says more in its metadata under "envoy.filters.http.lua":
--
--   array: items        {"items":[…]} becomes […]
--   failure_location    where a failure leads instead of to a page of JSON, for what browsers
--                       navigate to

local LEAKING = {
  "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-accept-encoding",
  "grpc-encoding", "x-http-status",
}

-- Statuses without a body; true where HTTP forbids one, so that its length isn't stated either.
-- A redirect's would be the JSON of an empty message.
local NO_BODY = {
  ["204"] = true, ["304"] = true,
  ["302"] = false, ["303"] = false, ["307"] = false, ["308"] = false,
}

-- The value of the only member of a JSON object, or the whole text when it is not such an object
-- (an error, for one).
local function only_member(text, field)
  local opening = '{"' .. field .. '":'
  if text:sub(1, #opening) == opening and text:sub(-1) == "}" then
    return text:sub(#opening + 1, -2)
  end
  return text
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local content_type = headers:get("content-type") or ""
  if content_type:sub(1, 16) == "application/grpc" then
    return
  end
  local status = headers:get("x-http-status")
  for _, name in ipairs(LEAKING) do
    headers:remove(name)
  end
  if status ~= nil then
    headers:replace(":status", status)
  end
  local shape = handle:metadata()
  local field = shape:get("array")
  local failure = shape:get("failure_location")
  if failure ~= nil and tonumber(headers:get(":status")) >= 400 then
    status = "307"
    headers:replace(":status", status)
    headers:replace("location", failure)
    headers:replace("cache-control", "no-store")
  end
  local empty = status ~= nil and NO_BODY[status] ~= nil
  if field == nil and not empty then
    return
  end
  local body = handle:body(true)
  local size = 0
  if empty then
    body:setBytes("")
  else
    size = body:setBytes(only_member(body:getBytes(0, body:length()), field))
  end
  -- What was fetched before body() must not be used after it.
  headers = handle:headers()
  if empty then
    headers:remove("content-type")
    if NO_BODY[status] then
      headers:remove("content-length")
    else
      headers:replace("content-length", "0")
    end
  else
    headers:replace("content-length", tostring(size))
  end
end
