-- Changes the quantity of the items whose ids are in the file, one after the other. Each run has
-- quantities of its own: an ORM writes nothing where nothing changes.
local headers = {["Content-Type"] = "application/json"}

function init(arguments)
  ids, number = {}, 0
  first = 100000 * tonumber(arguments[1])
  for id in io.lines(arguments[2]) do ids[#ids + 1] = id end
end

function request()
  number = number + 1
  local body = '{"quantity": ' .. first + number .. "}"
  return wrk.format("PATCH", "/v1/items/" .. ids[number % #ids + 1], headers, body)
end
