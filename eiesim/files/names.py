"""What a tensor's name says of it, where libraries write it so: scales, statistics, embeddings, masks, biases.

Names are read by their parts, which `.` or `/` divides; the last part is the tensor's own, what is before it its owner.
"""

import re
from collections.abc import Iterator

INPUTS_FIRST = re.compile(r"(.*_)?kernel|coefs_?(\.?\d+)?")
"""Last parts that only libraries which keep (inputs, outputs) write: Keras and Flax, scikit-learn."""

RECURRENT = re.compile(r"weight_(ih|hh|hr)(_l\d+)?(_reverse)?|recurrent_kernel")
ATTENTION = re.compile(
    r"[qkvo]_(proj|lin|proj_weight)|to_[qkv]|to_out|query|key|value|qkv(_proj)?|query_key_value|in_proj_weight|"
    r"in_proj|c_attn|w?qkv|q|k|v",
    re.IGNORECASE,
)
GPT2 = ("c_attn", "c_proj", "c_fc", "q_attn")
"""Names of GPT-2's Conv1D, which keeps (inputs, outputs); others write nn.Linear under the same names."""

_EMBEDDED = re.compile(r"embed.*|.*embeddings.*|wte|wpe|token_embd|tok_embeddings|relative_attention_bias")
_EMBEDS = re.compile(r".*(embedding|_embed|_emb)|emb|wte\d*")
_LORA = re.compile(r"(.*_)?lora_.*|ia3_.*|hada_.*")
_OPTIMISER = re.compile(
    r".*(exp_avg|exp_inf|momentum_buffer|square_avg|acc_delta).*|optim|optimizer|optimizers?_(states?|weights|state_dict)|"
    r"opt_state",
)
_BY_LAST = (
    (
        re.compile(r"running_(mean|var)|num_batches_tracked|moving_(mean|variance)|n_averaged|weight_[uv]|_[uv]"),
        "statistics",
        "statistics of a normalisation",
    ),
    (re.compile(r"(.*_)?scales?(_inv|_\d+)?|.*absmax|SCB|.*scaling_factor"), "scale", "a scale, which is no layer"),
    (re.compile(r"(.*_)?zero_?points?|q?zeros|.*_zeros|(.*_)?zp"), "zero_point", "zero points, which are no layer"),
    (
        re.compile(r".*quant_map|(.*_)?lut|.*look_?up.*|(.*_)?codebooks?|.*centroids|palette"),
        "lookup",
        "a look-up table",
    ),
)
_BY_LAST_OF_INTEGERS = (
    (re.compile(r"(.*_)?(g_idx|indices|idx|index|perm|ids|offsets|indptr)"), "indices", "indices"),
    (re.compile(r"(.*_)?shape"), "shape", "a shape"),
)
_PACKED = {
    "qweight": "GPTQ or AWQ",
    "qzeros": "GPTQ or AWQ",
    "weight_packed": "compressed-tensors, packed",
    "compressed": "compressed-tensors, sparse",
    "bitmask": "compressed-tensors, sparse",
    "row_offsets": "compressed-tensors, sparse",
    "SCB": "bitsandbytes, int8",
    "quant_map": "bitsandbytes, 4 bits",
    "weight_scale_inv": "block-wise float8",
    "_data": "optimum-quanto",
    "codebooks": "AQLM",
}
"""Last parts that only stand beside codes, and whose format that is."""


def parts(name: str) -> list[str]:
    """A name's parts. Keras' `:0` at the end says nothing."""
    return re.split(r"[./]", re.sub(r":\d+$", "", name))


def last(name: str) -> str:
    """A tensor's own name; with what is before it where it is a bare number of a list (`coefs_.0`)."""
    split = parts(name)
    return f"{split[-2]}.{split[-1]}" if len(split) > 1 and split[-1].isdigit() else split[-1]


def owner(name: str) -> str:
    """What a tensor belongs to; empty where its name has no parts."""
    found = re.match(r"(.*)[./][^./]*$", name)
    return found.group(1) if found else ""


def known_for(name: str, of_integers: bool = False) -> tuple[str, str]:
    """Role and reason of a tensor that a name tells is no layer; empty texts where the name does not."""
    split = parts(name)
    if any(_OPTIMISER.fullmatch(part) for part in split):
        return "left out", "an optimiser's state"
    if any(_LORA.fullmatch(part) for part in split):
        return "left out", "a factor of an adapter (LoRA); merge it into its layer first (merge_and_unload)"
    if "batch_stats" in split:
        return "statistics", "statistics of a normalisation"
    if {"pre_ops", "post_ops"} & set(split):
        return "left out", "belongs to an operator of NNCF; strip the model first (nncf.strip)"
    for pattern, role, reason in _BY_LAST + (_BY_LAST_OF_INTEGERS if of_integers else ()):
        if pattern.fullmatch(split[-1]):
            return role, reason
    if is_embedding(name):
        return "left out", "an embedding: rows are looked up, nothing is multiplied; --take has it all the same"
    return "", ""


def is_embedding(name: str) -> bool:
    """Whether a name is that of an embedding's table."""
    split = parts(name)
    named = [part for part in split if part not in ("weight", "kernel") and not part.isdigit()]
    return any(_EMBEDDED.fullmatch(part) for part in split) or bool(named and _EMBEDS.fullmatch(named[-1]))


def is_norm(name: str) -> bool:
    """Whether a name is that of a normalisation's scale, as PyTorch's and GGUF's are."""
    split = parts(name)
    return split[-1] in ("weight", "scale", "gamma") and any(
        re.fullmatch(r"(.*_|.*layer)?norm(\d+|_f)?|ln_?(f|\d+)|rms_?norm", part) for part in split[:-1]
    )


def packed_format(name: str) -> str:
    """The format of the codes that a tensor stands beside or is; empty where its name does not say."""
    return _PACKED.get(parts(name)[-1], "")


def is_aside(name: str) -> bool:
    """Whether a tensor takes no part when the network runs: an optimiser's, an adapter's, an operator's of NNCF."""
    return any(_OPTIMISER.fullmatch(part) or part in ("pre_ops", "post_ops") for part in parts(name)) or is_adapter(
        name
    )


def is_adapter(name: str) -> bool:
    """Whether a tensor is a factor of an adapter."""
    return any(_LORA.fullmatch(part) for part in parts(name))


def is_mask(name: str) -> bool:
    """Whether a name says mask: `X_mask`, `X.mask`, `mask_X`, `masks.X`, NNCF's `_binary_mask`."""
    return any(re.fullmatch(r"(.*_)?masks?(_?\d+)?|masks?_.*", part) for part in parts(name))


def masked(name: str) -> Iterator[str]:
    """Names that the weight of a mask may have, the nearest first."""
    split = parts(name)
    at = max(k for k, part in enumerate(split) if re.fullmatch(r"(.*_)?masks?(_?\d+)?|masks?_.*", part))
    rest = re.sub(r"(^|_)(binary_|pruning_|prune_|sparse_|sparsity_|keep_)?masks?(?=_|\d|$)", "", split[at]).strip("_")
    numbered = [f"{stem}{rest}" for stem in ("W", "w", "weight", "fc", "weight_", "fc_")] if rest.isdigit() else []
    for own in [rest, *numbered, ""]:
        for join in (".", "/"):
            stem = join.join([*split[:at], *([own] if own else []), *split[at + 1 :]])
            for candidate in (stem, f"{stem}{join}weight", f"{stem}{join}kernel", f"{stem}_orig"):
                yield candidate.lstrip("./")
    for end in range(at - 1, 0, -1):
        yield ".".join([*split[:end], "weight"])


def biases(name: str) -> list[str]:
    """Names that the bias of a weight may have."""
    swaps = (
        ("recurrent_kernel", "recurrent_bias"), ("weights", "biases"), ("weights", "bias"), ("weight", "bias"),
        ("kernel", "bias"), ("coefs_", "intercepts_"), ("coef_", "intercept_"), ("coef", "intercept"), ("W", "b"),
        ("w", "b"),
    )  # fmt: skip
    found = [name[:at] + new + name[at + len(old) :] for old, new in swaps if (at := name.rfind(old)) >= 0]
    return [*found, f"{name}_bias", f"{name}.bias", f"{name}_b"]


def short(name: str) -> str:
    """A layer's name, of its weight's."""
    return re.sub(r"([._/](weight|kernel|W|w))?(:\d+)?$", "", name) or name


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names with their numbers by value, however long: by their digits without leading zeros."""
    parts = re.split(r"(\d+)", name)  # text and numbers in turn
    return [(len(part := one.lstrip("0")), part) if k % 2 else (-1, one) for k, one in enumerate(parts)]
