"""Where and by whom the sample specimens were collected: real countries, invented collectors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A collecting region: names, ISO 3166 code and a point on land in degrees (WGS84)."""

    country: str
    code: str
    province: str
    locality: str
    latitude: float
    longitude: float


PLACES = (
    Place("Peru", "PE", "Madre de Dios", "Río Claro, 12 km upstream of the bend", -12.6, -70.1),
    Place("Brazil", "BR", "Amazonas", "Igarapé Fundo, terra firme forest", -3.1, -60.2),
    Place("Ecuador", "EC", "Napo", "Cloud forest above the mill", -0.7, -77.9),
    Place("Costa Rica", "CR", "Puntarenas", "Finca La Orquídea", 8.7, -83.2),
    Place("Mexico", "MX", "Chiapas", "Barranca del Eco", 16.8, -92.9),
    Place("United States", "US", "Connecticut", "Oak ridge near the quarry", 41.4, -72.8),
    Place("United States", "US", "Florida", "Pine flatwoods, mile 14", 29.6, -82.3),
    Place("Canada", "CA", "Ontario", "Lake shore, sweep net", 45.5, -78.4),
    Place("Spain", "ES", "Granada", "Barranco del Agua, 1900 m", 37.1, -3.4),
    Place("France", "FR", "Var", "Vallon des Chênes", 43.5, 6.3),
    Place("Germany", "DE", "Bayern", "Moorwiese südlich des Sees", 47.8, 11.4),
    Place("Norway", "NO", "Vestland", "Hage ved fjorden", 60.5, 6.1),
    Place("Czechia", "CZ", "Jihomoravský kraj", "Vápencová stráň", 48.9, 16.6),
    Place("Ghana", "GH", "Ashanti", "Forest reserve, trail 3", 6.7, -1.4),
    Place("Cameroon", "CM", "Sud-Ouest", "Foot of the mountain, light trap", 4.1, 9.2),
    Place("Kenya", "KE", "Kakamega", "Forest edge at the station", 0.3, 34.9),
    Place("Madagascar", "MG", "Toamasina", "Ridge trail, 950 m", -18.9, 48.4),
    Place("India", "IN", "Kerala", "Shola patch above the tea", 10.1, 77.0),
    Place("Viet Nam", "VN", "Lâm Đồng", "Pine forest, roadside bank", 11.9, 108.4),
    Place("Japan", "JP", "Nagano", "Streamside, larch wood", 36.2, 138.1),
    Place("Indonesia", "ID", "Sulawesi Tengah", "Lowland forest at the ford", -1.5, 120.2),
    Place("Papua New Guinea", "PG", "Morobe", "Garden edge, 1200 m", -6.8, 146.8),
    Place("Australia", "AU", "Queensland", "Vine thicket by the creek", -17.3, 145.6),
    Place("New Zealand", "NZ", "Otago", "Tussock slope", -45.2, 169.5),
)
COLLECTORS = (
    "A. Brandt",
    "M. Lindqvist",
    "J.-B. Moreau",
    "K. Ångström",
    "T. Ferreira; L. Ferreira",
    "E. Hartwell",
    "Père Née",
    "C. Okonjo",
    "S. Nakamura-Field",
    "D. Hrubý",
    "",
)


@dataclass(frozen=True)
class Collection:
    """One published dataset of the sample museum; all three are invented."""

    key: str
    title: str
    institution: str
    institution_code: str
    collection_code: str
    licence: str
    rights_holder: str
    abstract: str


COLLECTIONS = (
    Collection(
        "sample-mss-ent",
        "Butterflies and moths of the Museum of the Sample Shore",
        "Museum of the Sample Shore",
        "MSS",
        "ENT",
        "http://creativecommons.org/publicdomain/zero/1.0/",
        "Museum of the Sample Shore",
        "Invented butterflies and moths, drawn by BioCosmos. No specimen exists.",
    ),
    Collection(
        "sample-hcn-inv",
        "Beetles and shells of the Halden Cabinet",
        "Halden Cabinet of Nature",
        "HCN",
        "INV",
        "https://creativecommons.org/licenses/by/4.0/",
        "Halden Cabinet of Nature",
        "Invented beetles and shells, drawn by BioCosmos. No specimen exists.",
    ),
    Collection(
        "sample-imc-herb",
        "Herbario del Instituto Miraflor de Ciencias",
        "Instituto Miraflor de Ciencias",
        "IMC",
        "HERB",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        "Instituto Miraflor de Ciencias, colección botánica",
        "Invented plants, drawn by BioCosmos. No specimen exists.",
    ),
)
COLLECTION_OF = {
    "butterfly": COLLECTIONS[0],
    "moth": COLLECTIONS[0],
    "beetle": COLLECTIONS[1],
    "scallop": COLLECTIONS[1],
    "snail": COLLECTIONS[1],
    "plant": COLLECTIONS[2],
}
