// The chosen target's engine.
#pragma once

#include "engine.h"
#include "recorrente/target.h"

namespace recorrente {

// Null if RECORRENTE_TARGET cannot be had.
const SweepEngine* target_engine();

}  // namespace recorrente
