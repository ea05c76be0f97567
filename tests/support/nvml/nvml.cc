// A library with NVML's C functions and GPUs that a test makes up. Tests load it in place of the real one,
// and set what it says by templar_test_nvml_set.
#include <cstring>

extern "C" {

struct TestUtilization {
  unsigned int gpu, memory;
};
struct TestMemory {
  unsigned long long total, free, used;
};

// What answers wrongly: 0 nothing, 1 nvmlInit_v2, 2 the handle of GPU 0, 3 the power of all.
static unsigned int gpus = 2, broken = 0, started = 0;

void templar_test_nvml_set(unsigned int count, unsigned int what_is_broken) {
  gpus = count;
  broken = what_is_broken;
}
unsigned int templar_test_nvml_started() {
  return started;
}

static char devices[16];

int nvmlInit_v2() {
  if (broken == 1) return 9;  // the driver is not loaded
  ++started;
  return 0;
}
int nvmlShutdown() {
  --started;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = gpus;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  if (index >= gpus) return 2;
  if (broken == 2 && index == 0) return 15;  // fell off the bus
  *device = devices + index;
  return 0;
}
static unsigned int index_of(void* device) {
  return static_cast<unsigned int>(static_cast<char*>(device) - devices);
}
int nvmlDeviceGetName(void* device, char* name, unsigned int length) {
  const char* text = index_of(device) == 0 ? "Test GPU A" : "Test GPU B";
  if (length < std::strlen(text) + 1) return 7;
  std::strcpy(name, text);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, TestUtilization* utilization) {
  utilization->gpu = 40 + index_of(device);
  utilization->memory = 10;
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, TestMemory* memory) {
  memory->total = 80ULL << 30;
  memory->used = (1ULL + index_of(device)) << 30;
  memory->free = memory->total - memory->used;
  return 0;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned int* celsius) {
  if (sensor != 0) return 2;
  *celsius = 60 + index_of(device);
  return 0;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned int* milliwatts) {
  if (broken == 3) return 3;  // not supported
  *milliwatts = 250500 + index_of(device);
  return 0;
}
}
