"""Weight sharing the slow way: Lloyd's iterations as a textbook says them (Deep Compression Sec. 3.1)."""


def lloyd(weights: list[float], count: int) -> list[float]:
    """Centroids of `count` clusters, started evenly from the least to the greatest weight; empty ones left out.

    A weight goes to the nearest centroid, the smaller of two as near. An empty cluster stays where it is.
    """
    least, most = min(weights), max(weights)
    centroids = [least + (most - least) * k / (count - 1) for k in range(count)] if count > 1 else [least]
    while True:
        clusters: list[list[float]] = [[] for _ in centroids]
        for weight in weights:
            clusters[nearest(weight, centroids)].append(weight)
        moved = [
            sum(cluster) / len(cluster) if cluster else centroid
            for cluster, centroid in zip(clusters, centroids, strict=True)
        ]
        if all(abs(a - b) <= 1e-12 for a, b in zip(moved, centroids, strict=True)):
            return [centroid for centroid, cluster in zip(moved, clusters, strict=True) if cluster]
        centroids = moved


def nearest(weight: float, values: list[float]) -> int:
    """The place of the value nearest to a weight, the smaller of two as near."""
    return min(range(len(values)), key=lambda k: (abs(values[k] - weight), values[k]))
