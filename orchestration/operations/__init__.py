"""Operations that change application rows, and what all of them keep."""
