"""The words by which names are read, English and German.

They decide between candidates only; that values agree is for the rows to show.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SEQUENCE = _words("""
    line seq sequence item index idx position pos rank stop lap round step ordinal version revision part chapter episode
    leg row zeile nummer laufende
""")
"""Words that count rows within something."""


PERIOD = _words("""
    date day week month quarter year season period time hour timestamp datum tag woche monat jahr
""")
"""Words that name stretches of time."""


MEASURE = _words("""
    amount price quantity qty value points count total score size weight discount tax rate duration milliseconds seconds
    cost sum balance percent ratio speed distance length width height revenue sales disc menge preis betrag wins laps
""")
"""Words that name what is measured, which no key holds."""


STATE = _words("""
    status state stage phase outcome result resolution zustand
""")
"""Words that name a state that changes."""


CURRENT = _words("""
    current currently latest last now active open closed deleted total lifetime cumulative balance ytd todate aktuell
""")
"""Words that say that a column holds the present state."""


PERSONAL = _words("""
    email mail phone mobile telephone fax ssn iban passport password firstname lastname forename surname fullname username
    address street strasse vorname nachname telefon ip
""")
"""Words that name what a person is known by."""


ID_WORDS = _words("""
    id ids key pk fk sk no nr num number code uuid guid oid ref nummer kennung schluessel upc sku isbn ean iban hash
""")
"""Words that say that a column holds a name of something; what is left of the column's name says of what."""


TABLE_PREFIXES = _words("""
    tbl t tab dim fact fct stg raw vw v src ods dwh public dbo
""")
"""Words that stand before the names of tables and say nothing."""


TABLE_SUFFIXES = _words("""
    table tbl dim fact sample master data list tabelle
""")
"""Words that stand after them and say nothing."""


DERIVED = _words("""
    r d er or ing ed ee ist ship ment ion al ance ence age
""")
"""Words that make another word of a word, as endings: a player is no play."""


UNINFLECTED = _words("""
    status address campus bonus series news gas bus class access process
""")
"""Words that end in s in the singular."""


STRUCTURAL = _words("""
    parent previous prev next reply replies original root ancestor predecessor successor superseded replaced vorgaenger
    nachfolger uebergeordnet
""")
"""Words that name another row of the same table."""


RELATED = _words("""
    related linked duplicate merged accepted main base replacement successor
""")
"""Words that relate a row to another of the same table."""


SUPERIOR = _words("""
    manager supervisor boss reports superior mentor referrer referred lead leader head vorgesetzter chef
""")
"""Words that name a person above a person."""


HIERARCHY = _words("""
    parent manager supervisor boss reports superior mentor predecessor successor vorgesetzter vorgaenger nachfolger
""")
"""Words that name another row of the table even without a word for "identifier"."""


PERSON = _words("""
    owner author creator editor assignee assigned sender recipient receiver seller buyer reviewer approver rep agent
    created updated modified closed opened user member contact operator
""")
"""Words that name a person by what they do."""


PEOPLE = _words("""
    user employee person people staff member customer agent worker account contact student player mitarbeiter kunde nutzer
    benutzer profile client
""")
"""Words that name tables of people."""


SIDES = _words("""
    home away from to old new source target src dst billing shipping primary secondary first second a b origin
""")
"""Words that tell two references to one table apart."""


EVENT = _words("""
    created creation create inserted added ordered order placed purchased purchase bought sold sale sales transaction
    occurred happened event logged log login recorded posted post booked booking registered registration signup sign
    joined join sent visited visit rated rating reviewed review opened open started start begin began issued issue invoice
    invoiced received submitted submission requested request entry admission hire hired enrolled enrollment played race
    match game session snapshot reading measured measurement observed trade trading rental checkin departure arrival
    published publication erstellt angelegt bestellt bestellung bestell kauf rechnung rechnungs buchung buchungs eingang
    beginn anlage erfasst
""")
"""Words that name what happens when a row comes to be."""


PLAIN = _words("""
    date time timestamp datetime ts dt day at on when datum zeit zeitpunkt tag stamp moment utc gmt epoch unix ms us sec
    datumzeit zeitstempel
""")
"""Words that say that a column holds times, and no more."""


LATER = _words("""
    updated update modified modify changed change last latest deleted removed closed resolved shipped ship delivered
    delivery paid payment completed completion finished finish returned return processed processing approved approval
    confirmed cancelled canceled edited edit archived refreshed synced loaded etl settled refunded closing locked owned
    activity geaendert aktualisiert geloescht bezahlt geliefert lieferung liefer versand versendet abgeschlossen erledigt
""")
"""Words that name what happens to a row that is there."""


BIRTH = _words("""
    birth dob birthday birthdate born death died dod geburt geburtstag geburtsdatum geboren founded established inception
""")
"""Words that name the birth of a person or a thing."""


ENDING = _words("""
    expiry expires expire expiration expired until thru through end ends ended ending due deadline required maturity
    warranty termination scheduled planned plan expected estimated eta target next renewal retirement ablauf ende bis
    faellig faelligkeit kuendigung geplant termin
""")
"""Words that name ends, and what is planned."""


CALENDAR = _words("""
    calendar date day kalender datum
""")
"""Words that name tables of days."""
