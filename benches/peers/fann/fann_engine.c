/* FANN behind five functions, for engines/fann_engine.py. Networks are built and timed here, so that a measurement
 * includes no Python call. compare.py compiles this file for the number type (-DDOUBLE: f64, else f32) and the
 * functions (-DRECTIFIERS: ReLU and leaky ReLU) of the FANN that is installed. */

#define _POSIX_C_SOURCE 199309L
#ifdef DOUBLE
#include <doublefann.h>
#else
#include <floatfann.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct engine {
    struct fann *ann;
    struct fann_train_data *data;
};

/* Returns the activation of that name, or -1. FANN applies its functions to steepness * z, and its logistic sigmoid to
 * twice that. */
static int activation_function(const char *name, double *steepness) {
    *steepness = strcmp(name, "sigmoid") == 0 ? 0.5 : 1.0;
    if (strcmp(name, "sigmoid") == 0) return FANN_SIGMOID;
    if (strcmp(name, "tanh") == 0) return FANN_SIGMOID_SYMMETRIC;
#ifdef RECTIFIERS
    if (strcmp(name, "relu") == 0) return FANN_LINEAR_PIECE_RECT;
    if (strcmp(name, "leaky_relu") == 0) return FANN_LINEAR_PIECE_RECT_LEAKY;
#endif
    return -1;
}

void engine_delete(struct engine *engine) {
    fann_destroy_train(engine->data);
    fann_destroy(engine->ann);
    free(engine);
}

/* Returns NULL if FANN has no such activation. `weights` holds the weights and the bias of neuron after neuron; samples
 * are rows. */
struct engine *engine_new(unsigned layer_count, const unsigned *layers, const char *activation, const fann_type *weights,
                          unsigned samples, const fann_type *input, const fann_type *target, float learning_rate) {
    double steepness;
    int function = activation_function(activation, &steepness);
    if (function < 0) return NULL;
    struct engine *engine = malloc(sizeof *engine);
    struct fann *ann = fann_create_standard_array(layer_count, layers);
    if (layer_count > 2) {
        fann_set_activation_function_hidden(ann, function);
        fann_set_activation_steepness_hidden(ann, steepness);
    }
    fann_set_activation_function_output(ann, FANN_LINEAR);
    fann_set_activation_steepness_output(ann, 1);
    fann_set_training_algorithm(ann, FANN_TRAIN_BATCH);
    fann_set_train_error_function(ann, FANN_ERRORFUNC_LINEAR);
    fann_set_learning_rate(ann, learning_rate);
    /* fann_set_weight_array searches the whole network for every weight. */
    memcpy(ann->weights, weights, fann_get_total_connections(ann) * sizeof *weights);

    unsigned inputs = layers[0], outputs = layers[layer_count - 1];
    engine->ann = ann;
    engine->data = fann_create_train(samples, inputs, outputs);
    for (unsigned i = 0; i < samples; i++) {
        memcpy(engine->data->input[i], input + i * inputs, inputs * sizeof *input);
        if (target) memcpy(engine->data->output[i], target + i * outputs, outputs * sizeof *target);
    }
    return engine;
}

/* Computes the output for every sample. */
void engine_predict(struct engine *engine, fann_type *output) {
    unsigned outputs = fann_get_num_output(engine->ann);
    for (unsigned i = 0; i < engine->data->num_data; i++)
        memcpy(output + i * outputs, fann_run(engine->ann, engine->data->input[i]), outputs * sizeof *output);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

/* Runs that many training steps and returns the seconds they take. */
double engine_train(struct engine *engine, unsigned long steps) {
    double start = seconds();
    for (unsigned long i = 0; i < steps; i++) fann_train_epoch(engine->ann, engine->data);
    return seconds() - start;
}

/* Runs that many predictions of the first sample and returns the seconds they take. */
double engine_infer(struct engine *engine, unsigned long steps) {
    double start = seconds();
    for (unsigned long i = 0; i < steps; i++) fann_run(engine->ann, engine->data->input[0]);
    return seconds() - start;
}
