"""What the techniques cost: ratios against plain loops and against vanilla training, measured side
by side.
"""
