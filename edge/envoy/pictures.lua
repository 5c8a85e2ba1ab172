-- Points a request for a picture at its object: /images/<key> becomes /<bucket>/<key>. The query
-- goes, because in the S3 API a query can name another operation (?acl, ?uploads), and so does what
-- the client sent to us and not to the storage. It happens here and not in the route, because the
-- signature is made before the route's own changes and must cover the final path.

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = headers:get(":path"):match("^/images/([^?]+)")
  headers:replace(":path", "/" .. handle:metadata():get("bucket") .. "/" .. key)
  handle:streamInfo():dynamicMetadata():set("eco2", "verb", headers:get(":method"))
  for _, name in ipairs({ "authorization", "cookie", "origin" }) do
    headers:remove(name)
  end
end

-- Errors of the storage are XML that names the bucket; the client gets ours.
function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(":status"))
  if status < 400 then
    return
  end
  local missing = status == 403 or status == 404
  local answer = handle:metadata():get(missing and "missing" or "failing")
  if handle:streamInfo():dynamicMetadata():get("eco2")["verb"] ~= "HEAD" then
    handle:body(true):setBytes(answer)
  end
  local headers = handle:headers()
  headers:replace(":status", missing and "404" or "503")
  headers:replace("content-length", tostring(#answer))
  headers:replace("content-type", "application/json")
  headers:replace("cache-control", "no-store")
end
