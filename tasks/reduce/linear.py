"""Turn vectors so that few dimensions hold most of them: principal axes and principal components.

Shapes: N rows, D width, C components.
Source: Pearson 1901, doi:10.1080/14786440109462720; components by scikit-learn.
"""

import numpy as np
import numpy.typing as npt

from tasks.errors import ContractError
from tasks.vectors.arithmetic import normalise

Floats = npt.NDArray[np.float32]


def principal_axes(vectors: Floats, axes: int) -> Floats:
    """Bring unit-length rows onto their first principal axes, at unit length again.

    Nothing is centred, so that cosines stay what they were but for what the other axes held. Time N D^2.

    Args:
        vectors: (N, D) unit-length rows.
        axes: C; with D or more the rows come back as they are.

    Returns:
        (N, C) unit-length rows.
    """
    if axes >= vectors.shape[1]:
        return vectors
    rows = np.asarray(vectors, dtype=np.float32)
    _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))  # ascending
    turned = rows @ directions[:, : -axes - 1 : -1].astype(np.float32)
    lost = np.linalg.norm(turned, axis=1) == 0  # lies wholly in the other axes
    turned[lost, 0] = 1.0
    return normalise(turned)


def principal_components(vectors: Floats, n_components: int) -> Floats:
    """Project rows onto the directions in which they differ most.

    Args:
        vectors: (N, D).
        n_components: C, at most the smaller of N and D.

    Returns:
        (N, C), the direction of most variance first; signs are fixed, so that equal rows give equal points.

    Raises:
        ContractError: There are fewer rows or dimensions than components.
    """
    most = min(vectors.shape)
    if n_components > most:
        raise ContractError(
            f"reduce.n_components is {n_components} but {vectors.shape[0]} rows of {vectors.shape[1]} dimensions "
            f"have at most {most}; lower it"
        )
    from sklearn.decomposition import PCA

    made = PCA(n_components=n_components, svd_solver="full" if len(vectors) < 1_000 else "covariance_eigh")
    return np.asarray(made.fit_transform(np.asarray(vectors, dtype=np.float64)), dtype=np.float32)
