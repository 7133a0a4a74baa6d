// The core as operations of TensorFlow's, by its C interface: nothing is built against TensorFlow, no Python on the way.
#pragma once

// Registers RecorrenteForward and RecorrenteBackward with the TensorFlow of this process; does nothing where there is none, or
// one without the functions that this needs. Called while TensorFlow loads _tensorflow_ops.so, which has nothing else.
//
// Attributes of both: cell, reverse, threads; and gates and units, Keras' order of gates (`Order` in keras/turning.py), for
// weights as Keras keeps them, with both biases in bias_ih; without gates weights are ours. Forward has `saving`; backward
// `wanted`, a bit for each output. An array without elements stands for one that is not given or not wanted. Lengths are int64;
// x, y and their gradients are (B, T, ...).
//
// RecorrenteForward   x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0, lengths, drop
//                     -> y, h_n, c_n, saved
// RecorrenteBackward  the same nine, y, saved, dy, dh_n, dc_n
//                     -> dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dh0, dc0
// `saved` is used up in place by the first that takes it, which its last byte tells; who comes later goes forward again.
extern "C" __attribute__((visibility("default"))) void recorrente_register_tensorflow();
