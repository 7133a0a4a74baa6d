// What `tf.load_op_library` loads. It knows only to whom to turn: `recorrente._core`, which is loaded by then.
extern "C" void recorrente_register_tensorflow();

namespace {
const bool registered = (recorrente_register_tensorflow(), true);
}
