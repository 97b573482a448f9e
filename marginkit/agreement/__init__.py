"""How far readers or methods agree: limits of agreement, intraclass correlation, weighted kappa, screening, overlap."""
