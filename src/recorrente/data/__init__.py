"""From files to batches: one file for what every kind shares, one for each kind of sequence.

`batch` is what a model is fed; `known` names the public data sets and where they lie; `image` reads pictures, with
`idx` and `folder` for the two ways they are stored and `picture` for a single file. Nothing is imported here, so that
`recorrente info` can list the known sets without waiting for torch.
"""
