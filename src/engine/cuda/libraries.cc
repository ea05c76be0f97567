#include "engine/cuda/libraries.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "engine/device/operations.h"

namespace templar {
namespace {

class Library {
 public:
  // Where the loader finds it (the program's own folders, LD_LIBRARY_PATH), else where the toolkit was at
  // build time.
  explicit Library(const char* name) : name_(name) {
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) return;
    const std::string first_error = dlerror();
    handle_ = dlopen((std::string(TEMPLAR_CUDA_LIBRARIES) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) throw BackendFailure(fmt::format("{} can't be opened: {}", name, first_error));
  }

  template <typename Function>
  void find(Function& function, const char* symbol) const {
    function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    if (function == nullptr) throw BackendFailure(fmt::format("{} has no {}", name_, symbol));
  }

 private:
  const char* name_;
  void* handle_;
};

CublasLt open_cublas_lt() {
  const Library library("libcublasLt.so.13");
  CublasLt lt{};
  library.find(lt.create, "cublasLtCreate");
  library.find(lt.destroy, "cublasLtDestroy");
  library.find(lt.matmul, "cublasLtMatmul");
  library.find(lt.desc_create, "cublasLtMatmulDescCreate");
  library.find(lt.desc_destroy, "cublasLtMatmulDescDestroy");
  library.find(lt.desc_set, "cublasLtMatmulDescSetAttribute");
  library.find(lt.layout_create, "cublasLtMatrixLayoutCreate");
  library.find(lt.layout_destroy, "cublasLtMatrixLayoutDestroy");
  library.find(lt.preference_create, "cublasLtMatmulPreferenceCreate");
  library.find(lt.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  library.find(lt.preference_set, "cublasLtMatmulPreferenceSetAttribute");
  library.find(lt.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  return lt;
}

Cudnn open_cudnn() {
  const Library library("libcudnn.so.9");
  Cudnn dnn{};
  library.find(dnn.version, "cudnnGetVersion");
  library.find(dnn.error_string, "cudnnGetErrorString");
  library.find(dnn.last_error, "cudnnGetLastErrorString");
  library.find(dnn.create, "cudnnCreate");
  library.find(dnn.destroy, "cudnnDestroy");
  library.find(dnn.set_stream, "cudnnSetStream");
  library.find(dnn.descriptor_create, "cudnnBackendCreateDescriptor");
  library.find(dnn.descriptor_destroy, "cudnnBackendDestroyDescriptor");
  library.find(dnn.set, "cudnnBackendSetAttribute");
  library.find(dnn.get, "cudnnBackendGetAttribute");
  library.find(dnn.finalize, "cudnnBackendFinalize");
  library.find(dnn.execute, "cudnnBackendExecute");
  return dnn;
}

}  // namespace

const CublasLt& cublas_lt() {
  static const CublasLt kLibrary = open_cublas_lt();
  return kLibrary;
}

const Cudnn& cudnn() {
  static const Cudnn kLibrary = open_cudnn();
  return kLibrary;
}

}  // namespace templar
