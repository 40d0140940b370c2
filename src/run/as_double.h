/* Included before a kernel text (*.inc) to compile it for double. No guard: it alternates with the other as_*.h. */
#undef REAL
#undef SUM
#undef LOWEST
#undef HIGHEST
#undef IS_NAN
#undef IS_INF
#undef TO_I32
#undef TO_I64
#undef K
#undef M
#undef C
#define REAL double
#define SUM double
#define LOWEST -INFINITY
#define HIGHEST INFINITY
#define IS_NAN(v) (isnan(v) != 0)
#define IS_INF(v) (isinf(v) != 0)
#define TO_I32(v) cuv_float_to_i32(v)
#define TO_I64(v) cuv_float_to_i64(v)
#define K(name) cuv_##name##_f64      /* a kernel or helper of this type */
#define M(name) name      /* a function of math.h */
#define C(number) number      /* a constant */
