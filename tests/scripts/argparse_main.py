#!/usr/bin/env python
"""Train a small net. Settings come from the command line; their defaults are what the weights were trained with."""
import argparse
import os

import numpy as np
from tensorflow.keras import layers, models, optimizers

os.environ['CUDA_VISIBLE_DEVICES'] = '-1'


def parse_args(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--hidden', type=int, default=7, help='units of the hidden layer')
    parser.add_argument('--num-classes', '-c', type=int, default=3)
    parser.add_argument('--activation', default='tanh', choices=['relu', 'tanh'])
    parser.add_argument('--dropout', type=float, default=0.0)
    parser.add_argument('--batch-norm', action='store_true')
    parser.add_argument('--out_dir', default=os.path.join('runs', 'first'))
    return parser.parse_args(args)


def build(args):
    net = models.Sequential(name='net')
    net.add(layers.Input(shape=(5,)))
    net.add(layers.Dense(args.hidden, activation=args.activation))
    if args.batch_norm:
        net.add(layers.BatchNormalization())
    if args.dropout > 0:
        net.add(layers.Dropout(args.dropout))
    net.add(layers.Dense(args.num_classes, activation='softmax'))
    return net


if __name__ == '__main__':
    opts = parse_args([])
    model = build(opts)
    model.compile(optimizer=optimizers.Adam(1e-3), loss='categorical_crossentropy')
