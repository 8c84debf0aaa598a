"""The image-token reasoning student and everything that teaches it.

Rooms, in the order in which data flows:

- ``records config errors paths``: plain values, no torch
- ``network``: tensors only: vision tower, image tokens, decoder
- ``knowledge``: triplets, pictures and where they are kept
- ``microworld``: the drawn world, its questions and its exact answers
- ``teachers``: the built-in one and Ollama
- ``learning``: the training loop, prompts, distillation
- ``serving``: the thread that owns the model and decodes everybody's answers
- ``bundles``: a student as a folder
- ``jobs``: runs as child processes
- ``workspace``: the one door: what the app and the scripts may ask for
- ``model``: the student itself: encode → splice → decode. Read it first.

Dimension letters. A tensor that crosses a function ends in its letters:
``B`` batch · ``T`` text positions · ``I`` image tokens of one picture · ``S`` spliced length ·
``N`` pictures · ``P`` patches · ``M`` vision width · ``D`` decoder width · ``H`` heads ·
``G`` key-value heads · ``K`` head width · ``F`` feed-forward width · ``V`` vocabulary ·
``E`` embedding width. The exception is ``pixels_NCHW``: channels, height, width.
"""
