"""Opens a checkpoint in transformers so that whatever it would only mention becomes an error."""

import logging
import os
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import transformers


class LoadingError(Exception):
    """A checkpoint that transformers opens, but not without a remark."""


def load_classifier(folder: str, **config_changes):
    """`AutoModelForSequenceClassification` of `folder` in f32 with eager attention.

    Raises LoadingError on missing, unexpected or misshapen tensors and on any warning, logged or raised.
    """
    remarks = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: remarks.append(record.getMessage())
    logger = transformers.logging.get_logger("transformers")
    # The library shows warnings of one kind once; a second load must not stay silent.
    transformers.logging.set_verbosity_warning()
    transformers.logging.disable_progress_bar()
    logger.addHandler(listener)
    try:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            config = transformers.AutoConfig.from_pretrained(folder)
            for name, value in config_changes.items():
                if hasattr(config, name):
                    setattr(config, name, value)
            model, report = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, config=config, dtype="float32", attn_implementation="eager", output_loading_info=True
            )
    finally:
        logger.removeHandler(listener)
    remarks += [str(warning.message) for warning in raised]
    remarks += [f"{kind}: {sorted(map(str, found))}" for kind, found in report.items() if found]
    if remarks:
        raise LoadingError(f"{folder}: " + "; ".join(remarks))
    return model.eval()
