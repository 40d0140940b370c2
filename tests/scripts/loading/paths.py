import os
from pathlib import Path

import keras
import numpy as np

HERE = Path(__file__).resolve().parent
PARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'parts')
config = (HERE / 'net.json').read_text(encoding='utf-8')
model = keras.models.model_from_json(config)
for i, layer in enumerate([l for l in model.layers if l.get_weights()]):
    W = np.load(os.path.join(PARTS, f'layer{i}_W.npy'))
    b = np.load(HERE.joinpath('parts', 'layer%d_b.npy' % i))
    layer.set_weights([W, b])
