-- Creates items whose names nobody has used.
local headers = {["Content-Type"] = "application/json"}

function init(arguments)
  run, number = arguments[1], 0
end

function request()
  number = number + 1
  local body = '{"name": "run' .. run .. "-" .. number .. '", "description": "Zinc-plated, 40 mm", "quantity": 12}'
  return wrk.format("POST", "/v1/items", headers, body)
end
