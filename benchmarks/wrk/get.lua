-- Reads the items whose ids are in the file, one after the other.
function init(arguments)
  ids, number = {}, 0
  for id in io.lines(arguments[2]) do ids[#ids + 1] = id end
end

function request()
  number = number % #ids + 1
  return wrk.format("GET", "/v1/items/" .. ids[number])
end
