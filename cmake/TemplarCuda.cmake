# The CUDA engine: built where NVIDIA's toolkit is found (nvcc, cuBLASLt's and cuDNN's headers), else src/engine/no_cuda/ stands
# in its place. cuBLASLt and cuDNN are opened when an engine is made and the driver by the static runtime, so that the programs
# start on machines that have none of them.
set(TEMPLAR_CUDA AUTO CACHE STRING "The CUDA engine: AUTO, where the toolkit is found; ON, or fail; OFF")
set_property(CACHE TEMPLAR_CUDA PROPERTY STRINGS AUTO ON OFF)

set(TEMPLAR_HAS_CUDA OFF)
# Sanitizers' builds test what runs on the processor.
if(TEMPLAR_ONLY_CORE OR TEMPLAR_CUDA STREQUAL "OFF" OR (TEMPLAR_CUDA STREQUAL "AUTO" AND TEMPLAR_SANITIZE))
  return()
endif()

find_program(TEMPLAR_NVCC nvcc HINTS /usr/local/cuda/bin)
if(TEMPLAR_NVCC)
  get_filename_component(toolkit "${TEMPLAR_NVCC}" REALPATH)
  get_filename_component(toolkit "${toolkit}/../.." ABSOLUTE)
  find_path(TEMPLAR_CUBLASLT_INCLUDE cublasLt.h HINTS "${toolkit}/include" /usr/local/cuda/include)
  find_path(TEMPLAR_CUDNN_INCLUDE cudnn_graph.h HINTS "${toolkit}/include" /usr/local/cuda/include)
  find_library(TEMPLAR_CUDART cudart_static HINTS "${toolkit}/lib64" "${toolkit}/lib" /usr/local/cuda/lib64)
endif()
if(TEMPLAR_NVCC AND TEMPLAR_CUBLASLT_INCLUDE AND TEMPLAR_CUDNN_INCLUDE AND TEMPLAR_CUDART)
  set(TEMPLAR_HAS_CUDA ON)
elseif(TEMPLAR_CUDA STREQUAL "ON")
  message(FATAL_ERROR "TEMPLAR_CUDA is ON, but not all of nvcc, cublasLt.h, cudnn_graph.h and libcudart_static.a were found")
endif()
if(NOT TEMPLAR_HAS_CUDA)
  message(STATUS "Without the CUDA engine: NVIDIA's toolkit was not found")
  return()
endif()

message(STATUS "With the CUDA engine: ${TEMPLAR_NVCC}")

# templar_cuda_kernels(<target>): compiles the engine's .cu files, Hopper's code only, into the target, and links what they need.
# By nvcc itself: CMake's own support of a toolkit lags behind its releases.
function(templar_cuda_kernels target)
  file(GLOB kernels CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/engine/cuda/*.cu")
  foreach(kernel ${kernels})
    get_filename_component(name "${kernel}" NAME_WE)
    set(object "${CMAKE_BINARY_DIR}/cuda/${name}.o")
    # No fused multiply-add, as everywhere: what is computed on the card can then be computed alike on the processor.
    add_custom_command(OUTPUT "${object}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${CMAKE_BINARY_DIR}/cuda"
      COMMAND "${TEMPLAR_NVCC}" -std=c++20 -O3 -fmad=false -gencode=arch=compute_90a,code=sm_90a --expt-relaxed-constexpr
              -lineinfo -Xcompiler -fPIC -I "${CMAKE_SOURCE_DIR}/src" -MD -MF "${object}.d" -c "${kernel}" -o "${object}"
      DEPENDS "${kernel}" DEPFILE "${object}.d" COMMENT "Compiling ${name}.cu" VERBATIM)
    target_sources(${target} PRIVATE "${object}")
  endforeach()
  foreach(user ${target} engine_test)
    if(TARGET ${user})
      target_include_directories(${user} SYSTEM PRIVATE "${TEMPLAR_CUBLASLT_INCLUDE}" "${TEMPLAR_CUDNN_INCLUDE}")
    endif()
  endforeach()
  get_filename_component(libraries "${TEMPLAR_CUDART}" DIRECTORY)
  target_compile_definitions(${target} PRIVATE TEMPLAR_CUDA_LIBRARIES="${libraries}")
  target_link_libraries(${target} PUBLIC "${TEMPLAR_CUDART}" ${CMAKE_DL_LIBS} rt)
endfunction()
