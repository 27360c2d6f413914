"""Give words and items vectors by what they stand beside."""

from tasks.word2vec.task import (
    compare_senses,
    cut_sentences_into_words,
    describe_vectors,
    find_neighbours,
    predict_next,
    read_trained_vectors,
    recommend_items,
    show_pairs,
    split_lists,
    train_vectors,
)

__all__ = [
    "compare_senses",
    "cut_sentences_into_words",
    "describe_vectors",
    "find_neighbours",
    "predict_next",
    "read_trained_vectors",
    "recommend_items",
    "show_pairs",
    "split_lists",
    "train_vectors",
]
