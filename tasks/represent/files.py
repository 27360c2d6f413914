"""Write topics as files that others read: Parquet, CSV and JSON; nothing is pickled.

    documents.parquet, documents.csv    id, title, topic, label, probability
    topics.parquet, topics.csv          topic, size, label, words, support, fate
    centres.npy                         (T, D) a row for each topic, in the order of model.json
    model.json                          the encoder, and number, label and words of each topic

A new text belongs to the topic whose centre has the highest cosine with its vector by the same encoder.

Shapes: N documents, T topics, D width.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from tasks.data.topics import Fate, Topic
from tasks.text.sentences import spreadsheet


def write_files(
    folder: Path,
    content: Mapping[str, Any],
    topics: Sequence[Topic],
    fates: Sequence[Fate],
    encoder: Mapping[str, Any],
) -> None:
    """Write the files of a topic model into a folder.

    Args:
        folder: Empty folder.
        content: `ids` (table of id and title), `labels` (N,), `strengths` (N,), `centres` (T, D).
        topics: The topics in words.
        fates: What became of the topics of the earlier run.
        encoder: Name, identity and width of the encoder.
    """
    names = {topic.topic: topic.label for topic in topics}
    labels = np.asarray(content["labels"], dtype=np.int64)
    documents = content["ids"].append_column("topic", pa.array(labels))
    documents = documents.append_column("label", pa.array([names[int(label)] for label in labels]))
    documents = documents.append_column("probability", pa.array(np.asarray(content["strengths"], dtype=np.float32)))
    became = {fate.topic: fate.fate for fate in fates}
    listed = pa.table(
        {
            "topic": [t.topic for t in topics],
            "size": [t.size for t in topics],
            "label": [t.label for t in topics],
            "words": [", ".join(t.words) for t in topics],
            "support": [t.support for t in topics],
            "fate": [became.get(t.topic, "") for t in topics],
        }
    )
    for name, table in {"documents": documents, "topics": listed}.items():
        pq.write_table(table, folder / f"{name}.parquet")
        pc.write_csv(spreadsheet(table), folder / f"{name}.csv")
    np.save(folder / "centres.npy", np.asarray(content["centres"]), allow_pickle=False)
    model = {
        "encoder": dict(encoder),
        "topics": [
            {"topic": t.topic, "label": t.label, "words": list(t.words), "weights": list(t.weights)}
            for t in topics
            if t.topic >= 0
        ],
    }
    (folder / "model.json").write_text(json.dumps(model, ensure_ascii=False, sort_keys=True), "utf-8")
