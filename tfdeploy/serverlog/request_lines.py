"""Lines about requests: the server answers with them, and clients write them to their logs."""

from __future__ import annotations

from tfdeploy.serverlog.known import Known

REQUEST_LINES = (
    Known(
        r"Task size (?P<rows>\d+) is larger than maximum input batch size (?P<size>\d+)",
        "TFD214",
        "A request has {rows} rows, and max_batch_size is {size}.",
        "send fewer rows at once, or raise max_batch_size.",
        "batching/batching_session.cc",
    ),
    Known(
        r"input tensors must have (?:equal 0th-dimension size|at least one dimension)",
        "TFD214",
        "A request can't be batched: its inputs don't all have one row for each example.",
        "switch batching off for this model, or give every input a first dimension of one size.",
        "batching/batching_session.cc; #1682, #494",
    ),
    Known(
        r"Batched output tensor(?: has 0 dimensions|'s 0th dimension does not equal)",
        "TFD214",
        "The model can't be batched: an output hasn't one row for each row of the inputs.",
        "switch batching off for this model, or export it with a free first dimension.",
        "batching/batching_session.cc; #276, #2043",
    ),
    Known(
        r"from different tasks have different shapes and padding is turned off",
        "TFD214",
        "Requests of different shapes came into one batch, and all of them failed.",
        "set pad_variable_length_inputs, send one shape, or switch batching off for this model.",
        "batching/batching_session.cc; #1630",
    ),
    Known(
        r"The batch scheduling queue to which this task was submitted is full",
        "TFD502",
        "More requests came than the server can run, and it refused some.",
        "send fewer at once, add servers, or raise max_enqueued_batches.",
        "batching_util's shared_batch_scheduler.h",
    ),
    Known(
        r"[Rr]eceived message larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)",
        "TFD520",
        "A gRPC message of {size} bytes is larger than the {limit} that its reader takes.",
        "set grpc.max_receive_message_length and grpc.max_send_message_length on the client's "
        "channel; the server takes 2 GiB.",
        "gRPC's message_size_filter.cc",
    ),
    Known(
        r"Servable not found for request: (?P<what>\w+\([^)]*\))",
        "TFD501",
        "A request asked for {what}, which isn't loaded.",
        "`tfdeploy status` shows which models and versions serve.",
        "core/manager.h",
    ),
    Known(
        r'Serving signature name: "(?P<name>[^"]*)" not found in signature def',
        "TFD503",
        "A request asked for the signature '{name}', which the model hasn't.",
        "`tfdeploy inspect` shows the model's signatures.",
        "servables/tensorflow/predict_util.cc",
    ),
    Known(
        r"Unrecognized servable version label: (?P<label>\S+)",
        "TFD205",
        "A request asked for the label '{label}', which nobody gave.",
        "write the label into the stack file (`labels:`) or the models.config.",
        "model_servers/server_core.cc",
    ),
)
