// The part of TensorFlow's C interface that is used here, as its documentation tells it, so that nothing is built against it.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <memory>

struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_ShapeInferenceContext;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;

namespace recorrente {

#ifdef __APPLE__
constexpr const char* kLibrary = "libtensorflow_framework.2.dylib";
#else
constexpr const char* kLibrary = "libtensorflow_framework.so.2";
#endif

enum Code { kOk = 0, kInvalidArgument = 3, kResourceExhausted = 8 };
enum DataType { kFloat = 1, kDouble = 2, kUint8 = 4 };

// Found in the TensorFlow of this process; `whole` where all of it is there.
struct Interface {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_NOLOAD);
  bool whole = library != nullptr;

  template <class Function>
  Function* find(const char* name) {
    void* found = library ? dlsym(library, name) : nullptr;
    whole = whole && found;
    return reinterpret_cast<Function*>(found);
  }
#define FUNCTION(name, result, ...) result (*const name)(__VA_ARGS__) = find<result(__VA_ARGS__)>("TF_" #name)
  FUNCTION(NewStatus, TF_Status*);
  FUNCTION(DeleteStatus, void, TF_Status*);
  FUNCTION(SetStatus, void, TF_Status*, int code, const char* message);
  FUNCTION(GetCode, int, const TF_Status*);
  FUNCTION(NewOpDefinitionBuilder, TF_OpDefinitionBuilder*, const char* name);
  FUNCTION(OpDefinitionBuilderAddAttr, void, TF_OpDefinitionBuilder*, const char*);
  FUNCTION(OpDefinitionBuilderAddInput, void, TF_OpDefinitionBuilder*, const char*);
  FUNCTION(OpDefinitionBuilderAddOutput, void, TF_OpDefinitionBuilder*, const char*);
  FUNCTION(OpDefinitionBuilderSetShapeInferenceFunction, void, TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*));
  FUNCTION(RegisterOpDefinition, void, TF_OpDefinitionBuilder*, TF_Status*);
  FUNCTION(ShapeInferenceContextSetUnknownShape, void, TF_ShapeInferenceContext*, TF_Status*);
  FUNCTION(NewKernelBuilder, TF_KernelBuilder*, const char* op, const char* device, void* (*)(TF_OpKernelConstruction*),
           void (*)(void*, TF_OpKernelContext*), void (*)(void*));
  FUNCTION(RegisterKernelBuilder, void, const char* name, TF_KernelBuilder*, TF_Status*);
  FUNCTION(OpKernelConstruction_GetAttrInt64, void, TF_OpKernelConstruction*, const char*, std::int64_t*, TF_Status*);
  FUNCTION(OpKernelConstruction_GetAttrBool, void, TF_OpKernelConstruction*, const char*, unsigned char*, TF_Status*);
  FUNCTION(OpKernelConstruction_GetAttrSize, void, TF_OpKernelConstruction*, const char*, std::int32_t* count, std::int32_t* bytes, TF_Status*);
  FUNCTION(OpKernelConstruction_GetAttrInt64List, void, TF_OpKernelConstruction*, const char*, std::int64_t*, int most, TF_Status*);
  FUNCTION(OpKernelConstruction_Failure, void, TF_OpKernelConstruction*, TF_Status*);
  FUNCTION(OpKernelContext_Failure, void, TF_OpKernelContext*, TF_Status*);
  FUNCTION(GetInput, void, TF_OpKernelContext*, int, TF_Tensor**, TF_Status*);
  FUNCTION(AllocateOutput, TF_Tensor*, TF_OpKernelContext*, int, int dtype, const std::int64_t* dims, int rank, std::size_t bytes, TF_Status*);
  FUNCTION(DeleteTensor, void, TF_Tensor*);
  FUNCTION(TensorData, void*, const TF_Tensor*);
  FUNCTION(TensorType, int, const TF_Tensor*);
  FUNCTION(TensorElementCount, std::int64_t, const TF_Tensor*);
  FUNCTION(NumDims, int, const TF_Tensor*);
  FUNCTION(Dim, std::int64_t, const TF_Tensor*, int);
#undef FUNCTION
};

inline const Interface& tf() {
  static const Interface found;
  return found;
}

struct Delete {
  void operator()(TF_Status* status) const { tf().DeleteStatus(status); }
  void operator()(TF_Tensor* tensor) const { tf().DeleteTensor(tensor); }
};
using Outcome = std::unique_ptr<TF_Status, Delete>;
using Tensor = std::unique_ptr<TF_Tensor, Delete>;

}  // namespace recorrente
