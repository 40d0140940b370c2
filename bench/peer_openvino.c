/* OpenVINO through its C interface, in float32: on processors with bfloat16 its default is bfloat16. */
#include "peer.h"

#include <openvino/c/openvino.h>

#define CHECK(call) do { \
    int status_ = (int)(call); \
    if (status_) { fprintf(stderr, "openvino: %d at line %d: %s\n", status_, __LINE__, ov_get_last_err_msg()); exit(1); } } while (0)

static void run(void *request) { CHECK(ov_infer_request_infer(request)); }

int main(int argc, char **argv)
{
    peer p;
    ov_core_t *core;
    ov_model_t *model;
    ov_output_port_t *port;
    ov_partial_shape_t partial;
    ov_compiled_model_t *compiled;
    ov_infer_request_t *request;
    ov_shape_t shape;
    ov_tensor_t *x, *y;
    char *name, threads[16];
    void *data;
    size_t bytes;
    const double start = now_ms();
    peer_open(&p, argc, argv);
    snprintf(threads, sizeof threads, "%d", p.threads);
    CHECK(ov_core_create(&core));
    CHECK(ov_core_read_model(core, p.file, NULL, &model));
    CHECK(ov_partial_shape_create_static(p.rank, p.dims, &partial));
    CHECK(ov_model_input_by_index(model, 0, &port));
    CHECK(ov_port_get_any_name((ov_output_const_port_t *)port, &name));
    CHECK(ov_model_reshape_input_by_name(model, name, partial));
    CHECK(ov_core_compile_model(core, model, "CPU", 8, &compiled, ov_property_key_hint_inference_precision, "f32",
                                ov_property_key_hint_performance_mode, "LATENCY", ov_property_key_inference_num_threads, threads,
                                ov_property_key_num_streams, "1"));
    CHECK(ov_compiled_model_create_infer_request(compiled, &request));
    CHECK(ov_shape_create(p.rank, p.dims, &shape));
    CHECK(ov_tensor_create_from_host_ptr(p.integers ? I32 : F32, shape, p.x, &x));
    CHECK(ov_infer_request_set_input_tensor(request, x));
    p.load = now_ms() - start;
    run(request);
    p.first = now_ms() - start - p.load;
    CHECK(ov_infer_request_get_output_tensor(request, &y));
    CHECK(ov_tensor_data(y, &data));
    CHECK(ov_tensor_get_byte_size(y, &bytes));
    peer_keep(&p, data, bytes);
    peer_measure(&p, run, request);
    _Exit(0);
}
