// The most FMA flops a second that one core gives, in vectors of the widest kind that this file was compiled for.
#pragma once

namespace recorrente::bench {

double fma_peak();

}  // namespace recorrente::bench
