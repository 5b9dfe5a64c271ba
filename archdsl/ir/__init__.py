"""The intermediate representation: five kinds of node, their shapes, their costs. No torch."""
