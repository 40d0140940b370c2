# Star imports of names, f-strings, enumerate over a default argument.
from keras.layers import Input, Embedding, Flatten, Dense, Concatenate, Multiply
from keras.models import Model


def two_towers(users, items, size=8, tower=(32, 16, 8)):
    ids = [Input(shape=(1,), name=what, dtype='int32') for what in ('user', 'item')]
    counts = {'user': users, 'item': items}

    def vectors(kind, width):
        return [Flatten()(Embedding(counts[i.name], width, name=f'{kind}_{i.name}')(i)) for i in ids]

    product = Multiply()(vectors('product', size))
    hidden = Concatenate()(vectors('tower', tower[0] // 2))
    for n, units in enumerate(tower[1:], start=1):
        hidden = Dense(units, activation='relu', name='hidden_%d' % n)(hidden)
    return Model(inputs=ids, outputs=Dense(1, activation='sigmoid', name='liked')(Concatenate()([product, hidden])))


model = two_towers(users=30, items=40)
