/* Which arguments of a layer name what Keras does not have: activations, initializers, regularizers, constraints. */
#include "layers/support.h"

/* Names of Keras 1 to 3, in small letters and without underscores. */
static const char initializers[] = "zeros zero ones one constant randomnormal normal randomuniform uniform truncatednormal variancescaling "
    "glorotnormal glorotuniform henormal heuniform lecunnormal lecununiform orthogonal orthogonalinitializer identity identityinitializer convolutionaware stftinitializer "
    "stft";
static const char regularizers[] = "l1 l2 l1l2 orthogonalregularizer weightregularizer activityregularizer eigenvalueregularizer";
static const char constraints[] = "maxnorm nonneg unitnorm minmaxnorm radialconstraint";
static const struct { const char *ending, *known, *kind; } kinds[] = {
    {"activation", NULL, "activation"}, {"_initializer", initializers, "initializer"}, {"_regularizer", regularizers, "regularizer"},
    {"_constraint", constraints, "constraint"}, {"init", initializers, "initializer"}};

/* "GlorotUniformV2" is glorotuniform. */
static bool is_known(const char *list, const char *name)
{
    char plain[64];
    size_t n = 0;
    for (; *name && n < sizeof plain - 1; name++)
        if (*name != '_')
            plain[n++] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
    plain[n] = 0;
    if (*name)
        return false;
    if (n > 2 && plain[n - 2] == 'v' && (plain[n - 1] == '1' || plain[n - 1] == '2'))
        plain[n - 2] = 0;
    return *plain && cuv_has_word(list, plain);
}

static const char *name_in(const cuv_value *value)
{
    const char *class_name = cuv_get_text(value, "class_name");
    const cuv_value *config = cuv_get(value, "config");
    return cuv_text(value) ? cuv_text(value) : cuv_text(config) ? cuv_text(config) : class_name;
}

static bool is_foreign(size_t kind, const cuv_value *value)
{
    if (!kinds[kind].known)
        return !cuv_activation_is_known(value);
    const char *name = name_in(value), *class_name = cuv_get_text(value, "class_name");
    const bool ours = cuv_get_text(value, "module") && !cuv_record_is_foreign(value);
    if (!name || ours || cuv_streq(class_name, "__lambda__"))
        return false;
    return (class_name && cuv_record_is_foreign(value)) || strchr(name, '>') || !is_known(kinds[kind].known, name);
}

const char *cuv_foreign_argument(const char *argument, const cuv_value *value, const char **name)
{
    *name = NULL;
    if (cuv_is_null(value) || (!cuv_text(value) && !cuv_get_text(value, "class_name")))
        return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (cuv_ends_with(argument, kinds[i].ending)) {
            *name = name_in(value);
            return is_foreign(i, value) ? kinds[i].kind : NULL;
        }
    return NULL;
}
