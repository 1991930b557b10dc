"""What made-up people and companies are made of. Weights say how common each is; every host is a reserved name."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """Values, some more common than others."""

    def __init__(self, weights: dict[T, float]) -> None:
        self._values, self._cumulated = list(weights), list(accumulate(weights.values()))
        self._total = self._cumulated[-1]

    def one(self, chance: Random) -> T:
        """Any of them."""
        return self._values[bisect(self._cumulated, chance.random() * self._total)]


@dataclass(frozen=True)
class Place:
    """Where somebody lives."""

    country: str
    state: str
    city: str


def _falling(values: str) -> Weighted[str]:
    """Of a list by commas, the first the most common: half as many of the fifth, a third of the ninth."""
    return Weighted({value.strip(): 4 / (4 + rank) for rank, value in enumerate(values.split(","))})


FIRST_NAMES = _falling(
    "Anna, Michael, Maria, David, Laura, Thomas, Sarah, Daniel, Julia, James, Emma, Peter, Sofia, John, Lena, Robert,"
    "Nina, Paul, Elena, Martin, Olivia, Lukas, Chloé, Hugo, Zoë, Jürgen, José, Renée, Søren, Łukasz, Agnieszka, Dmitri,"
    "Николай, Ольга, Γιώργος, Ελένη, Mehmet, Ayşe, İpek, Fatima, Omar, Yusuf, Priya, Arjun, Wei, Mei, 小明, 美咲, 翔太,"
    "민준, 서연, Nguyễn, Linh, Amara, Kwame, Chidi, Thandiwe, Noah, Grace, Ada, Alan, Edsger, Barbara, Frances, Linus,"
    "Margaret, Radia, Tim, Vint, Katherine, Dorothy, Mary-Jane, Jean-Luc, Ana Lucía, D'Arcy, Siobhán, Aoife, Björn"
)
LAST_NAMES = _falling(
    "Smith, Müller, Garcia, Johnson, Schmidt, Rossi, Martin, Brown, Silva, Fischer, Jones, Kowalski, Dubois, Williams,"
    "Novák, Weber, Davis, Jansen, Costa, Miller, Andersen, Wagner, Wilson, López, Meyer, Moore, Nielsen, Becker,"
    "Taylor, Ferrari, Schulz, Anderson, Bernard, Hoffmann, Thomas, Petrov, Иванова, Παπαδόπουλος, Yılmaz, Öztürk,"
    "Khan, Singh, Patel, Sharma, Wang, Li, Zhang, 王, 佐藤, 鈴木, 김, 이, Trần, Okafor, Mensah, Dlamini, O'Brien,"
    "Ó Súilleabháin,"
    "van der Berg, de Souza, MacDonald, Saint-Clair, Lovelace, Hopper, Turing, Liskov, Dijkstra, Hamilton, Lamport,"
    "Perlman, Goldberg, Allen, Bartik, Kay, Knuth, Åkesson, Đorđević, Şahin, Żak, Łuczak, Groß, Ångström, Núñez"
)
JOB_TITLES = _falling(
    "Sales Manager, Marketing Manager, Software Engineer, Account Executive, CEO, Product Manager, CTO, Founder,"
    "Head of Marketing, VP Sales, Data Analyst, Customer Success Manager, Head of Growth, COO, CFO, HR Manager,"
    "Director of Engineering, Business Development Manager, Consultant, Procurement Officer, IT Administrator, Buyer,"
    "Chief of Staff, UX Designer, DevOps Engineer, Chargé d'affaires, Geschäftsführer, Développeuse, Engineer (C++),"
    "Office Manager, RevOps Lead, Growth Hacker, Solutions Architect, Data Scientist, Research Fellow, Partner, Intern"
)
INDUSTRIES = _falling(
    "Software, Financial Services, Healthcare, Retail, Manufacturing, Education, Logistics, Real Estate, Energy, Media,"
    "Telecommunications, Insurance, Hospitality, Automotive, Construction, Agriculture, Legal Services, Non-profit,"
    "Aerospace, Pharmaceuticals, Food & Beverage, Mining"
)
LIFECYCLE_STAGES = Weighted(
    {
        "lead": 42,
        "subscriber": 18,
        "mql": 12,
        "customer": 9,
        "prospect": 7,
        "sql": 5,
        "opportunity": 4,
        "other": 2,
        "evangelist": 1,
    }
)
LEAD_STATUSES = Weighted(
    {"new": 40, "open": 22, "in_progress": 14, "attempted_to_contact": 10, "connected": 8, "unqualified": 5, "bad": 1}
)
_PLACES = """
30 United States: California/San Francisco, California/Los Angeles, New York/New York, Texas/Austin, Illinois/Chicago,
 Massachusetts/Boston, Washington/Seattle, Florida/Miami, Colorado/Denver, Oregon/Portland
12 United Kingdom: England/London, England/Manchester, Scotland/Edinburgh, Wales/Cardiff
11 Germany: Berlin/Berlin, Bayern/München, Hamburg/Hamburg, Nordrhein-Westfalen/Köln, Hessen/Frankfurt am Main
8 France: Île-de-France/Paris, Auvergne-Rhône-Alpes/Lyon, Nouvelle-Aquitaine/Bordeaux
6 India: Karnataka/Bengaluru, Maharashtra/Mumbai, Delhi/New Delhi
5 Canada: Ontario/Toronto, Québec/Montréal, British Columbia/Vancouver
4 Netherlands: Noord-Holland/Amsterdam, Zuid-Holland/Rotterdam
4 Spain: Madrid/Madrid, Cataluña/Barcelona
4 Brazil: São Paulo/São Paulo, Rio de Janeiro/Rio de Janeiro
3 Italy: Lombardia/Milano, Lazio/Roma
3 Australia: New South Wales/Sydney, Victoria/Melbourne
3 Japan: 東京都/東京, 大阪府/大阪
2 Poland: Mazowieckie/Warszawa, Małopolskie/Kraków
2 Sweden: Stockholm/Stockholm
1 Norway: Oslo/Oslo
1 Switzerland: Zürich/Zürich, Genève/Genève
1 South Korea: Seoul/Seoul
1 Greece: Attica/Αθήνα
1 Türkiye: İstanbul/İstanbul
0.5 Nigeria: Lagos/Lagos
0.5 South Africa: Western Cape/Cape Town
0.2 Iceland: Capital Region/Reykjavík
0.05 Malta: Valletta/Valletta
"""


def _places() -> Weighted[Place]:
    weights: dict[Place, float] = {}
    for line in _PLACES.replace("\n ", " ").strip().splitlines():
        head, _, places = line.partition(": ")
        share, _, country = head.partition(" ")
        for rank, place in enumerate(places.split(",")):
            state, _, city = place.strip().partition("/")
            weights[Place(country, state, city)] = float(share) / (1 + rank)
    return Weighted(weights)


PLACES = _places()

_COMPANY_FIRST = (
    "Northwind Blue Rapid Silver Alpine Summit Harbour Bright Quantum Cedar Atlas Lumen Vertex Granite Copper Orbit "
    "Falcon Maple Polar Ember Delta Zenith Cobalt River Willow Iron Nova Prime Solar Terra Amber Ivory Coral Echo"
).split()
_COMPANY_SECOND = (
    "Analytics Logistics Systems Foods Robotics Health Media Capital Energy Software Textiles Pharma Motors Studios "
    "Consulting Networks Materials Travel Insurance Learning Retail Security Labs Partners"
).split()
_COMPANY_LAST = "Ltd GmbH Inc SA AB BV LLC SpA Group AG".split()


@dataclass(frozen=True, slots=True)
class Company:
    """An employer."""

    company_id: str
    name: str
    domain: str


def company(rank: int) -> Company:
    """The company of that rank (0 has the most people): always the same. From rank 8,160 on, names carry a number."""
    # 34 times 24 times 10 names, walked in a stride without a common factor, so that neighbours differ.
    number, turn = rank * 4_127 % 8_160, rank // 8_160
    first = _COMPANY_FIRST[number % 34]
    second = _COMPANY_SECOND[number // 34 % 24]
    last = _COMPANY_LAST[number // 816]
    name = f"{first} {second} {turn + 1} {last}" if turn else f"{first} {second} {last}"
    return Company(f"co_{rank:06d}", name, f"{name.lower().replace(' ', '-')}.example")


PAGES = _falling(
    "pricing, , features/timeline, docs/getting-started, blog/ten-lessons, customers, about, contact, careers"
)
REFERRERS = _falling(
    "https://www.google.com/, https://www.linkedin.com/feed/, https://duckduckgo.com/, https://news.example/item?id=41"
)
CAMPAIGNS = Weighted(
    {
        ("google", "cpc", "brand"): 10,
        ("newsletter", "email", "2026-10"): 6,
        ("linkedin", "social", "hiring"): 4,
        ("partner", "referral", "autumn-launch"): 2,
        ("conference", "offline", "booth-7"): 1,
    }
)
USER_AGENTS = Weighted(
    {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
        "Safari/537.36": 6,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
        "Mobile/15E148 Safari/604.1": 3,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0": 2,
    }
)
SCREENS = Weighted({"1920x1080": 5, "390x844": 3, "1440x900": 2, "2560x1440": 1})
