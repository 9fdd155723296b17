"""Charts: each function takes plain figures and a palette, and returns a Vega-Lite specification."""

from dashboard.charts.curves import MOST_LINES, curves, multiples
from dashboard.charts.ranking import ranking
from dashboard.charts.shapes import Gap, Line, Point, gaps
from dashboard.charts.stances import Bucket, stances

__all__ = ["MOST_LINES", "Bucket", "Gap", "Line", "Point", "curves", "gaps", "multiples", "ranking", "stances"]
