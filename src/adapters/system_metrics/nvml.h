// The functions of NVML's C interface that are used here, declared as its public reference describes them
// (API v12, "Initialization and Cleanup" and "Device Queries"). Versions of the library only ever add
// functions.
#pragma once

#include <cstdint>

namespace templar::nvml {

using Return = int;  // 0: success
using Device = void*;

struct Utilization {
  unsigned int gpu = 0;  // percent of the time in which something ran
  unsigned int memory = 0;
};
struct Memory {
  unsigned long long total = 0;  // bytes
  unsigned long long free = 0;
  unsigned long long used = 0;
};

inline constexpr Return kSuccess = 0;
inline constexpr int kTemperatureGpu = 0;       // the sensor on the die
inline constexpr unsigned int kNameBytes = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE

using Init = Return (*)();                                      // nvmlInit_v2
using Shutdown = Return (*)();                                  // nvmlShutdown
using GetCount = Return (*)(unsigned int*);                     // nvmlDeviceGetCount_v2
using GetHandle = Return (*)(unsigned int, Device*);            // nvmlDeviceGetHandleByIndex_v2
using GetName = Return (*)(Device, char*, unsigned int);        // nvmlDeviceGetName
using GetUtilization = Return (*)(Device, Utilization*);        // nvmlDeviceGetUtilizationRates
using GetMemory = Return (*)(Device, Memory*);                  // nvmlDeviceGetMemoryInfo
using GetTemperature = Return (*)(Device, int, unsigned int*);  // nvmlDeviceGetTemperature, degrees Celsius
using GetPower = Return (*)(Device, unsigned int*);             // nvmlDeviceGetPowerUsage, milliwatts

}  // namespace templar::nvml
