"""What each code means, and the exit code that it ends with."""

from __future__ import annotations

from tfdeploy.errors.doctor_entries import DOCTOR_ENTRIES
from tfdeploy.errors.entries import Entry, Exit
from tfdeploy.errors.gateway_entries import GATEWAY_ENTRIES
from tfdeploy.errors.gpu_entries import GPU_ENTRIES
from tfdeploy.errors.log_entries import LOG_ENTRIES
from tfdeploy.errors.running_entries import RUNNING_ENTRIES
from tfdeploy.errors.setup_entries import SETUP_ENTRIES
from tfdeploy.errors.version_entries import VERSION_ENTRIES

CATALOGUE: dict[str, Entry] = {
    "TFD101": Entry(
        Exit.USAGE,
        "The source to export isn't there",
        "`tfdeploy export` takes a Keras file (.keras, .h5), a SavedModel folder, a TF1 checkpoint "
        "(its .meta file, its prefix or its folder), a frozen graph (.pb), or `module:function`. "
        "The path doesn't exist, a checkpoint's data aren't beside its graph, or the module can't "
        "be imported from the current folder.",
    ),
    "TFD102": Entry(
        Exit.USAGE,
        "The source is of a kind that can't be exported",
        "The file or the object that the function returned is no model: not of Keras 3, nor of "
        "tf_keras (for what Keras 2 saved: `pip install 'tfdeploy-serving[keras2]'`), nor a "
        "tf.Module, a SavedModel, a TF1 graph, or a function with an input signature. Or it "
        "doesn't say what its inputs and outputs are: tensors of checkpoints and frozen graphs "
        "are named with `--input ALIAS=TENSOR` and `--output ALIAS=TENSOR`; the hint lists them.",
    ),
    "TFD103": Entry(
        Exit.MODEL,
        "Exporting failed",
        "TensorFlow or Keras raised an error while the SavedModel was traced or written. Nothing "
        "was published: a version is written beside its final name and renamed when it is whole.",
    ),
    "TFD104": Entry(
        Exit.MODEL,
        "The exported model doesn't serve",
        "The SavedModel was loaded in a fresh process as the server loads it (tag `serve`, a "
        "session fed by tensor name) and a call failed. Keras 3 models saved with "
        "tf.saved_model.save load without a complaint and then fail on every request with "
        "'Could not find variable': such a model is caught here, and is not published.",
    ),
    "TFD105": Entry(
        Exit.USAGE,
        "That version exists already",
        "A published version is never overwritten: a running server doesn't notice new contents "
        "under an old number, and a rollback would not bring the old contents back.",
    ),
    "TFD106": Entry(
        Exit.MODEL,
        "TensorFlow isn't installed",
        "The base install of tfdeploy is light. Exporting needs the `export` extra, the embedded "
        "server needs the `server` extra.",
    ),
    "TFD110": Entry(
        Exit.USAGE,
        "There is no SavedModel at that path",
        "A SavedModel is a folder that holds saved_model.pb (or saved_model.pbtxt). A base path "
        "is the folder that holds the numbered version folders.",
    ),
    "TFD111": Entry(
        Exit.MODEL,
        "The SavedModel can't be read",
        "saved_model.pb is cut short, is no SavedModel, or has no graph with the tag `serve`; or "
        "a file of its variables is missing. A half-copied model makes the real server retry the "
        "load, and a load that failed under a number is not tried again.",
    ),
    "TFD112": Entry(
        Exit.USAGE,
        "A base path is missing",
        "One missing base path stops TensorFlow Serving's discovery of versions for every model "
        "of that server, and at start it never opens its ports.",
    ),
    "TFD113": Entry(
        Exit.USAGE,
        "A base path has no versions",
        "The server takes version folders whose names are whole numbers (1, 2, 42). With none it "
        "waits for ever without opening its ports ('Did you forget to name your leaf directory "
        "as a number').",
    ),
    "TFD114": Entry(
        Exit.USAGE,
        "A version folder's name isn't a number",
        "The server ignores folders such as `v1` or `1.0` without a word. Rename the folder to a "
        "whole number.",
    ),
    "TFD115": Entry(
        Exit.USAGE,
        "The path is one level too deep",
        "A base path is the folder that holds the version folders, not a version folder itself "
        "and not its `variables`.",
    ),
    "TFD116": Entry(
        Exit.USAGE,
        "The signature can't be made that way",
        "A signature, a method or a front doesn't suit the model, or contradicts itself. An input "
        "that carries bytes must have an alias that ends in `_bytes`; an image front needs an "
        "input that is an image, a text front one of ids, and a vocabulary without empty or "
        "doubled lines; a function of yours must give what the model takes.",
    ),
    "TFD117": Entry(
        Exit.USAGE,
        "The contract with clients would change",
        "Requests that work with the version before would fail: `tfdeploy inspect PATH --diff OLD "
        "NEW` shows why. `tfdeploy export --allow-contract-change` publishes it all the same.",
    ),
    "TFD118": Entry(
        Exit.MODEL,
        "The model has a defect that keeps it from serving",
        "Such as an op that the server lacks, or an output that REST can't write. `tfdeploy "
        "inspect` names the kinds; `tfdeploy export --allow KIND` publishes it all the same.",
    ),
    "TFD119": Entry(
        Exit.USAGE,
        "Items of a batch would come out in different shapes",
        "A function that is applied to each item of a batch must give every item the same shape: a "
        "tensor can't hold others. Resize or pad in the function, or call set_shape where you know "
        "the shape. Where all items of one request have one shape, though each request another, "
        "leave the size free in `outputs`; a request that mixes shapes then fails.",
    ),
    "TFD120": Entry(
        Exit.USAGE,
        "The export file is wrong",
        "An export file is YAML beside a model that says how it is exported: source, signatures, "
        "fronts, samples. Every field is described in docs/export.md.",
    ),
    "TFD201": Entry(
        Exit.USAGE,
        "There is no such stack",
        "A stack is a folder under `stacks/` with a stack.yaml in it. `tfdeploy new NAME` makes "
        "one.",
    ),
    "TFD202": Entry(
        Exit.USAGE,
        "The stack file isn't valid YAML",
        "The line and column say where reading stopped; the mistake is there or just before it.",
    ),
    "TFD203": Entry(
        Exit.USAGE,
        "The stack file has a field that is wrong",
        "Every field is described in docs/stack-file.md; `tfdeploy new NAME --full` writes them "
        "all with comments.",
    ),
    "TFD204": Entry(
        Exit.USAGE,
        "The server has no such flag, or the flag is set elsewhere",
        "tensorflow_model_server prints a line about an unknown flag and starts anyway, so a typo "
        "is silently without effect. tfdeploy refuses it, and refuses flags that it renders "
        "itself from other fields of the stack file.",
    ),
    "TFD205": Entry(
        Exit.USAGE,
        "A label points at a version that won't be served",
        "A label must point at a version that is on disk and that the version policy serves; the "
        "server answers requests for any other label with an error.",
    ),
    "TFD206": Entry(
        Exit.USAGE,
        "The image isn't pinned",
        "`latest`, or no tag at all, is another server tomorrow. Name a version or a digest.",
    ),
    "TFD207": Entry(
        Exit.USAGE,
        "Two stacks have one name",
        "The name is the Compose project and the network: two stacks of one name would stop each "
        "other's containers.",
    ),
    "TFD208": Entry(
        Exit.USAGE,
        "The model or service isn't what the stack file says",
        "The model is in the stack already, or isn't in it, or the service doesn't exist.",
    ),
    "TFD209": Entry(
        Exit.USAGE,
        "A template can't be rendered",
        "A template failed, or what it produced says something else than the stack file.",
    ),
    "TFD210": Entry(
        Exit.NO,
        "The rendered files differ from the stack file",
        "`tfdeploy render STACK --check` compares and writes nothing. Run `tfdeploy render STACK`.",
    ),
    "TFD211": Entry(
        Exit.USAGE,
        "A file or folder can't be written",
        "Nothing was changed: files are written beside and renamed when they are whole.",
    ),
    "TFD212": Entry(
        Exit.USAGE,
        "A port is published twice",
        "Two services of the stack, or the two ports of one service, ask for one host port.",
    ),
    "TFD213": Entry(
        Exit.USAGE,
        "The stack exists already",
        "`tfdeploy new` never overwrites a stack file.",
    ),
    "TFD214": Entry(
        Exit.USAGE,
        "The batching settings would break the server",
        "Some combinations make every load fail, and some crash tensorflow_model_server "
        "(SIGSEGV) at load; they are refused here.",
    ),
    "TFD215": Entry(
        Exit.USAGE,
        "A model on disk can't be read by the server's user",
        "Containers run without extra capabilities: files that only their owner may read are "
        "closed to them.",
    ),
    "TFD216": Entry(
        Exit.USAGE,
        "A command line argument is wrong",
        "`tfdeploy COMMAND --help` lists what the command takes, with two examples.",
    ),
    "TFD217": Entry(
        Exit.USAGE,
        "There is nothing to serve",
        "The stack has no services, or a service has no models. A server without a model never "
        "opens its ports.",
    ),
    **SETUP_ENTRIES,
    **VERSION_ENTRIES,
    **GATEWAY_ENTRIES,
    "TFD301": Entry(
        Exit.USAGE,
        "The GPU shares add up to more than the device",
        "per_process_gpu_memory_fraction is a share of the device's total memory and holds for a "
        "whole server process. Shares above 1 in sum fail when the second server starts.",
    ),
    "TFD302": Entry(
        Exit.USAGE,
        "A GPU setting is wrong",
        "A fraction lies above 0 and at most at 1.",
    ),
    **GPU_ENTRIES,
    "TFD401": Entry(
        Exit.RUNTIME,
        "Docker isn't there",
        "The Docker engine doesn't answer. Start it, or use `--runtime process`, which needs no "
        "Docker.",
    ),
    "TFD402": Entry(
        Exit.RUNTIME,
        "The image isn't there and can't be pulled",
        "Without a registry, `tfdeploy image build` makes a local image that answers with the "
        "embedded server.",
    ),
    "TFD403": Entry(
        Exit.RUNTIME,
        "A port is in use",
        "Another program listens on a host port that the stack publishes. The real server would "
        "start all the same and stay unreachable over REST.",
    ),
    "TFD404": Entry(
        Exit.RUNTIME,
        "Docker Compose isn't there",
        "Neither the `docker compose` plugin nor a `docker-compose` binary of version 2 or newer "
        "was found.",
    ),
    "TFD405": Entry(
        Exit.RUNTIME,
        "The server program isn't there",
        "The process runtime starts the embedded server (the `server` extra) or the "
        "tensorflow_model_server binary that --server-binary names.",
    ),
    "TFD406": Entry(
        Exit.RUNTIME,
        "The stack is up on another runtime",
        "A stack runs on one runtime at a time. Take it down first.",
    ),
    "TFD407": Entry(
        Exit.USAGE,
        "The runtime can't do that",
        "Not every runtime has every feature; the message says which one is missing.",
    ),
    "TFD408": Entry(
        Exit.RUNTIME,
        "The stack isn't up",
        "The command needs a running service. `tfdeploy up STACK` starts it.",
    ),
    "TFD410": Entry(
        Exit.DEPLOY,
        "A model didn't become available",
        "The server said why, in its status or in its log. What ran before still runs.",
    ),
    "TFD411": Entry(
        Exit.DEPLOY,
        "The server refused the new configuration",
        "The reload was answered with an error. tfdeploy put the configuration before it back and "
        "sent that, so that what ran before runs again.",
    ),
    "TFD412": Entry(
        Exit.DEPLOY,
        "A model didn't become available in time",
        "`--timeout SECONDS` gives it longer. Large models and warm-up requests take time; a "
        "base path that the server can't see looks the same, and the log tells.",
    ),
    "TFD413": Entry(
        Exit.DEPLOY,
        "A change on the runtime failed",
        "docker compose, or the start of a process, ended with an error.",
    ),
    "TFD414": Entry(
        Exit.INTERRUPTED,
        "Interrupted",
        "^C: the change was taken back as far as it had gone; the same command finishes it.",
    ),
    "TFD415": Entry(
        Exit.DEPLOY,
        "Another command is changing the stack",
        "Every command that changes a stack holds it while it works, so that none undoes half of "
        "another. The message names who holds it, since when and with which command. `--wait` "
        "waits for its end. The lock ends with the process that holds it, however that ends; a "
        "`docker compose` that a killed command had started holds it until it is done.",
    ),
    "TFD420": Entry(
        Exit.RUNTIME,
        "The stack's folder can't be locked",
        "The file system has locks neither for folders nor for files (a network's file system "
        "that is mounted without them), so two commands could change the stack at once.",
    ),
    "TFD421": Entry(
        Exit.USAGE,
        "There is nothing to undo or to redo",
        "The stack's journal holds no change that isn't undone yet, or no undo that could be "
        "taken back, or nobody wrote down how the stack was before. `tfdeploy history STACK` "
        "shows what there is.",
    ),
    "TFD422": Entry(
        Exit.USAGE,
        "Versions that the undo needs are gone",
        "What served before lies no longer on disk. Nothing was changed. Bring the versions back, "
        "or edit the stack file and run `tfdeploy up STACK`.",
    ),
    "TFD423": Entry(
        Exit.USAGE,
        "The stack file was edited since the last change",
        "An undo writes the stack file as it was before the last change, and what was edited by "
        "hand since would be lost from it. `--yes` goes on, and keeps a copy of the edited file "
        "beside the journal's entry.",
    ),
    "TFD424": Entry(
        Exit.USAGE,
        "The journal has no such change",
        "A stack's journal keeps the last 200 changes; `tfdeploy history STACK` lists them.",
    ),
    **DOCTOR_ENTRIES,
    "TFD501": Entry(
        Exit.USAGE,
        "The stack has no such model",
        "`tfdeploy status STACK` lists the models that it serves.",
    ),
    "TFD502": Entry(
        Exit.REQUEST,
        "The server refused the request",
        "The message is the server's own.",
    ),
    "TFD503": Entry(
        Exit.USAGE,
        "The input doesn't fit the signature",
        "A request is built from the model's own signature; `tfdeploy inspect` shows its inputs "
        "with their types and shapes.",
    ),
    "TFD504": Entry(
        Exit.REQUEST,
        "The server didn't answer",
        "The service is up but didn't answer the request in time, or closed the connection.",
    ),
    "TFD505": Entry(
        Exit.USAGE,
        "The input file can't be read",
        "The file doesn't exist, can't be read, or isn't what its name says.",
    ),
    "TFD506": Entry(
        Exit.REQUEST,
        "What answered isn't a model server",
        "Something listens at the address, but its answer isn't what TensorFlow Serving's REST API "
        "says: another program has the port, or the address is the gRPC port.",
    ),
    **RUNNING_ENTRIES,
    **LOG_ENTRIES,
    "TFD700": Entry(
        Exit.BUG,
        "A bug in tfdeploy",
        "A log with the whole story was written; its path was printed.",
    ),
}
