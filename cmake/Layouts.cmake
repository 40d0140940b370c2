# Writes OUT: a digest of the sources of the fast kernels (FILES), whose packed weights no other sources need understand.
# cmake -DOUT=... "-DFILES=a;b" -P Layouts.cmake
set(all "")
list(SORT FILES)
foreach(file IN LISTS FILES)
  file(SHA256 ${file} digest)
  string(APPEND all "${digest}")
endforeach()
string(SHA256 digest "${all}")
file(WRITE ${OUT} "/* Made by cmake/Layouts.cmake. */\n#include \"run/cache.h\"\n\nconst char cuv_layouts_id[] = \"${digest}\";\n")
