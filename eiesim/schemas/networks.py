"""Documents of networks: compressed, trained, and how many inputs they recognise."""

from typing import Annotated, Literal, NotRequired, TypedDict

from eiesim.compression.pipeline import Options
from eiesim.config import ARITHMETICS
from eiesim.schemas.machines import LedgerEntry
from eiesim.schemas.records import Amount, Count, Share, Version, record
from eiesim.schemas.shapes import Limits
from eiesim.training.loop import Settings
from eiesim.training.losses import Distillation, Penalty

Error = Annotated[float | None, Limits(0)]

Shares = record(
    "Shares",
    "Share of the inputs recognised, by arithmetic.",
    {name: Annotated[Share, f"share recognised in {name}"] for name in ARITHMETICS},
)


class Accuracy(TypedDict):
    """What `eiesim accuracy --json` and `Accuracies.to_json` write."""

    format: Annotated[Literal["eiesim-accuracy/1"], "name and version of this format"]
    eiesim: Version
    inputs: Annotated[Count, "inputs"]
    layers: NotRequired[Annotated[Count, "of a graph: layers that were computed in each arithmetic"]]
    accuracy: Annotated[dict[str, Shares], "by network: dense, pruned, shared"]


class Sizes(TypedDict):
    """The size of a layer, or of several together, after each stage of Deep Compression."""

    name: Annotated[str, "the layer's name, or total"]
    weights: Annotated[Count, "all weights, the bias's included"]
    kept: Annotated[Count, "weights that are not pruned"]
    density: Annotated[Share, "kept weights as a share of all"]
    entries: Annotated[Count, "kept weights and padding"]
    padding_entries: Annotated[Count, "padding"]
    weight_bits: Annotated[Amount, "bits of a weight code an entry"]
    huffman_weight_bits: Annotated[Amount, "the same bits after Huffman coding"]
    index_bits: Annotated[Amount, "bits of a relative index an entry"]
    huffman_index_bits: Annotated[Amount, "the same bits after Huffman coding"]
    codebook_bytes: Annotated[Amount, "bytes of the codebook"]
    huffman_table_bytes: Annotated[Amount, "bytes of codeword lengths"]
    dense_bytes: Annotated[Amount, "bytes before, in float32"]
    shared_bytes: Annotated[Amount, "bytes pruned and shared (P+Q)"]
    huffman_bytes: Annotated[Amount, "bytes pruned, shared and Huffman-coded (P+Q+H)"]
    rate_p: Annotated[Amount, "how many times fewer weights (P)"]
    rate_pq: Annotated[Amount, "how many times smaller (P+Q)"]
    rate_pqh: Annotated[Amount, "how many times smaller (P+Q+H)"]


class CompressedLayer(Sizes):
    """What a layer became, and what was lost."""

    source: Annotated[str, "the tensor that its weights are"]
    activation: Annotated[Literal["relu", "none"], "what is applied to its outputs"]
    codebook_entries: Annotated[Count, "values of the codebook, 0 among them"]
    shared: Annotated[str, "as it was, or k-means"]
    weight_relative_error: Annotated[Error, "||shared - dense|| / ||dense|| over weights and bias"]
    sharing_relative_error: Annotated[Error, "the same over the kept weights"]
    bias_relative_error: Annotated[Error, "the same over the bias; null without one"]
    output_relative_error: Annotated[Error, "of its outputs on the calibration inputs; null without"]
    calibration_inputs: Annotated[Count, "its inputs on the calibration data"]
    vectors: Annotated[float | None, "input vectors in one input of the network; null if not known"]
    macs: Annotated[int | None, "multiply-accumulates in one input of the network, before pruning"]
    notes: Annotated[list[str], "what was assumed"]


class HeldLayer(TypedDict):
    """A layer as read against its source."""

    name: Annotated[str, "its name"]
    error: Annotated[Error, "largest error over the source's largest magnitude; null where it was not run"]


class Held(TypedDict):
    """What the reading was held against."""

    against: Annotated[Literal["torch", "onnxruntime"] | None, "what ran the source; null for nothing"]
    layers: Annotated[list[HeldLayer], "each layer's error"]
    network_error: Annotated[Error, "of the whole network; null where it was not run"]


class LeftOutPart(TypedDict):
    """A layer that was left out."""

    name: Annotated[str, "its name"]
    reason: Annotated[str, "why"]
    macs: Annotated[float | None, "its multiply-accumulates in one input; null if not known"]


class Compress(TypedDict):
    """What `eiesim compress` writes as report.json and with --json."""

    format: Annotated[Literal["eiesim-compress/1"], "name and version of this format"]
    eiesim: Version
    model: Annotated[str, "the model's name"]
    chain: Annotated[bool, "whether its layers follow one another"]
    options: Annotated[Options, "how it was compressed"]
    layers: Annotated[list[CompressedLayer], "each layer, in order"]
    total: Annotated[Sizes, "all layers together"]
    network_output_relative_error: Annotated[Error, "of the network's outputs on the calibration inputs"]
    ledger: Annotated[list[LedgerEntry], "every tensor of the source, once"]
    held: Annotated[Held, "how the layers as read compare with the source"]
    left_out: Annotated[list[LeftOutPart], "what EIE cannot run, or was left out by name"]
    macs_share: Annotated[Share | None, "the layers' multiply-accumulates as a share of the network's"]
    parameters_share: Annotated[Share | None, "the layers' parameters as a share of the model's"]
    notes: Annotated[list[str], "what was assumed"]


class RecipeOptions(TypedDict):
    """How a network was trained and pruned."""

    method: Annotated[str | None, "the method; null for masks of one's own"]
    density: Annotated[Share | None, "share of all weights to keep"]
    together: Annotated[bool, "whether all layers' weights are ranked together"]
    rounds: Annotated[Count, "rounds of pruning and retraining"]
    reinitialise: Annotated[bool, "whether a lottery's mask is trained from other weights"]
    rank: Annotated[int | None, "of low-rank factors"]
    pes: Annotated[Count, "PEs to balance over"]
    penalty: Annotated[Penalty | None, "on the weights, in the loss"]
    distillation: Annotated[Distillation, "how to learn from a teacher"]
    bits: Annotated[Count, "bits of a weight code"]
    seed: Annotated[Count, "seed of everything that is drawn"]
    dense: Annotated[Settings, "training before pruning"]
    retraining: Annotated[Settings, "training after each round of pruning"]
    shared: Annotated[Settings, "training of the shared values"]


class ExampleCounts(TypedDict):
    """Examples in three disjoint parts."""

    training: Annotated[Count, "examples that the network learns from"]
    validation: Annotated[Count, "examples that choose the best epoch"]
    held_out: Annotated[Count, "examples that no stage of training sees"]


class Teacher(TypedDict):
    """The network that taught it."""

    accuracy: Annotated[Share, "share of the held-out examples that the teacher recognises"]
    unlabelled: Annotated[Count, "examples whose only labels are the teacher's"]
    unlabelled_left_out: Annotated[Count, "of those given, held-out or validation ones that were left out"]
    unlabelled_in_training: Annotated[Count, "of them, those that are in the training as well"]


class TrainedLayer(Sizes):
    """A trained layer's sizes."""

    activation: Annotated[Literal["relu", "none"], "what is applied to its outputs"]
    image: NotRequired[Annotated[list[Count], "of a convolution: height and width of its input"]]
    kernel: NotRequired[Annotated[Count, "of a convolution: places of its kernel in a row"]]
    pool: NotRequired[Annotated[Count, "of a convolution: places in a row of which the largest is passed on"]]


class Train(TypedDict):
    """What `eiesim train` writes as report.json and with --json."""

    format: Annotated[Literal["eiesim-train/1"], "name and version of this format"]
    eiesim: Version
    recipe: Annotated[RecipeOptions, "how it was trained and pruned"]
    examples: Annotated[ExampleCounts, "how many there were"]
    teacher: Annotated[Teacher | None, "who taught it; null without a teacher"]
    density: Annotated[Share, "kept weights as a share of the dense network's, biases left out"]
    accuracy_dense: Annotated[Share, "share of the held-out examples recognised before pruning"]
    accuracy_pruned: Annotated[Share, "the same after pruning and retraining"]
    accuracy_shared: Annotated[Share, "the same with shared, fine-tuned values"]
    dense_bytes: Annotated[Count, "bytes of the dense network in float32"]
    coded_bytes: Annotated[Amount, "bytes after Huffman coding, or MESA's own"]
    rate: Annotated[Amount, "how many times smaller"]
    layers: Annotated[list[TrainedLayer], "each layer's sizes"]
