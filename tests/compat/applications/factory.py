import argparse
from tensorflow.keras import applications, layers, models

parser = argparse.ArgumentParser()
parser.add_argument('--backbone', default='mobilenet')
parser.add_argument('--classes', type=int, default=6)
parser.add_argument('--size', type=int, default=64)
args = parser.parse_args([])

BACKBONES = {
    'mobilenet': (applications.MobileNet, {'alpha': 0.25}),
    'mobilenetv2': (applications.MobileNetV2, {'alpha': 0.35}),
    'vgg16': (applications.VGG16, {}),
}


def build_model(backbone, classes, size, train_backbone=False):
    constructor, options = BACKBONES[backbone]
    base = constructor(include_top=False, weights=None, input_shape=(size, size, 3), **options)
    base.trainable = train_backbone
    x = base.output
    x = layers.GlobalAveragePooling2D(name='gap')(x)
    for units in (16, 8):
        x = layers.Dense(units, activation='relu')(x)
        x = layers.Dropout(0.5)(x)
    out = layers.Dense(classes, activation='softmax', name='classes')(x)
    return models.Model(base.input, out, name=f'{backbone}_{classes}')


model = build_model(args.backbone, args.classes, args.size)
