# Writes OUTPUT: one initializer {"name", text} for each file of HEADERS.
set(text "")
foreach(header IN LISTS HEADERS)
  get_filename_component(name "${header}" NAME)
  file(READ "${header}" content)
  string(APPEND text "{\"${name}\", R\"CUDA(${content})CUDA\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
