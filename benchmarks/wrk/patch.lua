-- Changes the quantity of the items whose ids are in the file, one after the other.
local headers = {["Content-Type"] = "application/json"}

function init(arguments)
  ids, number = {}, 0
  for id in io.lines(arguments[2]) do ids[#ids + 1] = id end
end

function request()
  number = number + 1
  local body = '{"quantity": ' .. number .. "}"
  return wrk.format("PATCH", "/v1/items/" .. ids[number % #ids + 1], headers, body)
end
