"""Every figure a second time: from the raw rows, in pandas and exact fractions, without SQL."""
