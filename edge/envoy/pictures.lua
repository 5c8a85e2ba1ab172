-- Points a request for a picture at its object: /images/<key> becomes /<bucket>/<key>, and the query
-- goes, because in the S3 API a query can name another operation (?acl, ?uploads). It happens here
-- and not by the route's rewrite because the signature must cover the final path.

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = headers:get(":path"):match("^/images/([^?]+)")
  headers:replace(":path", "/" .. handle:metadata():get("bucket") .. "/" .. key)
end
