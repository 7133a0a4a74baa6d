// The most FMA flops a second that so many cores give at once, in vectors of the widest kind that this file was compiled for.
#pragma once

namespace recorrente::bench {

double fma_peak(int threads);

}  // namespace recorrente::bench
