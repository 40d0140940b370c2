/* Included before a kernel text (*.inc) to compile it for int64. No guard: it alternates with the other as_*.h. */
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
#define REAL int64_t
#define SUM uint64_t      /* in which sums are made: wraps */
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define IS_NAN(v) false
#define IS_INF(v) false
#define TO_I32(v) int_to_i32(v)
#define TO_I64(v) int_to_i64(v)
#define K(name) cuv_##name##_i64      /* a kernel or helper of this type */
