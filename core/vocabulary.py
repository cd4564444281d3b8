"""Words for what specimens look like, to say in words what a model sees in a picture."""

COLOURS = (
    "black", "white", "grey", "brown", "yellow", "orange", "red", "pink", "purple", "blue", "green",
    "metallic", "iridescent", "pale", "dark",
)  # fmt: skip
PATTERNS = (
    "spots", "stripes", "bands", "eyespots", "marbled", "plain", "speckled", "a border",
    "transparent wings", "a metallic sheen",
)  # fmt: skip
SHAPES = (
    "broad wings", "narrow wings", "tailed wings", "a long bill", "antlers", "horns", "long legs",
    "long antennae", "a long tail", "feathers", "fur", "scales", "spines", "a shell", "a spiral",
    "petals", "leaves", "roots", "fruit", "seeds", "bark", "bones", "teeth", "eggs",
)  # fmt: skip
KINDS = (
    "a butterfly", "a moth", "a beetle", "a fly", "a bee", "a wasp", "a bug", "a dragonfly",
    "a grasshopper", "a spider", "a crab", "a snail", "a mussel", "a fish", "a frog", "a lizard",
    "a snake", "a turtle", "a bird", "a mammal", "a bat", "a skull", "a fossil", "a coral",
    "a starfish", "a fern", "a moss", "a mushroom", "a flower", "a grass", "a tree", "a seaweed",
)  # fmt: skip
PICTURES = (
    "a pinned insect", "a herbarium sheet", "a label", "handwriting", "a drawer", "a scale bar",
    "a colour chart", "a study skin", "a specimen in a jar", "a microscope slide", "a drawing",
    "a live animal in nature", "seen from above", "seen from below", "seen from the side",
    "a white background", "a dark background",
)  # fmt: skip
WORDS = (*COLOURS, *PATTERNS, *SHAPES, *KINDS, *PICTURES)
