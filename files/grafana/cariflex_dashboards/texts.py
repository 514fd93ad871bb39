"""What people read, in each language."""

from __future__ import annotations

LANGUAGES = ("fr", "en")

TITLES = {
    "ems": {"fr": "Cariflex EMS", "en": "Cariflex EMS"},
    "operations": {"fr": "Cariflex : exploitation", "en": "Cariflex: operations"},
}

# Panel -> language -> title, description.
PANELS: dict[str, dict[str, tuple[str, str]]] = {
    "pv": {
        "fr": ("Production photovoltaïque", "Puissance moyenne de chaque installation, empilée."),
        "en": ("PV production", "Mean power of each plant, stacked."),
    },
    "battery": {
        "fr": ("Énergie stockée : batteries", "Les capteurs « power » 51 à 60 portent une énergie en kWh."),
        "en": ("Battery stored energy", "The sensors named power, 51 to 60, hold an energy in kWh."),
    },
    "ev": {
        "fr": ("Énergie stockée : véhicules", "Les capteurs « power » 61 à 70 portent une énergie en kWh."),
        "en": ("EV stored energy", "The sensors named power, 61 to 70, hold an energy in kWh."),
    },
    "irradiance": {
        "fr": ("Irradiance", "Mesures et prévisions, la plus récente de chaque heure."),
        "en": ("Irradiance", "Observations and forecasts, the newest for each hour."),
    },
    "temperature": {
        "fr": ("Température", "Mesures et prévisions, la plus récente de chaque heure."),
        "en": ("Temperature", "Observations and forecasts, the newest for each hour."),
    },
    "wind": {
        "fr": ("Vent", "Mesures et prévisions, la plus récente de chaque heure."),
        "en": ("Wind speed", "Observations and forecasts, the newest for each hour."),
    },
    "consumption_price": {
        "fr": ("Prix de consommation", "Reçu du VTN par OpenADR."),
        "en": ("Consumption price", "Received from the VTN by OpenADR."),
    },
    "production_price": {
        "fr": ("Prix de production", "Prix simulé de l'énergie injectée."),
        "en": ("Production price", "Simulated price of energy fed in."),
    },
    "load_control": {
        "fr": ("Signal de limitation", "Part autorisée de la puissance ; 100 % : aucune limite."),
        "en": ("Load-control signal", "Allowed share of the power; 100 %: no limit."),
    },
    "demand_response": {
        "fr": ("Signal d'effacement", "De -1 à 1 ; le niveau SIMPLE n arrive comme n/3."),
        "en": ("Demand-response signal", "From -1 to 1; SIMPLE level n arrives as n/3."),
    },
    "net_power": {
        "fr": (
            "Puissance nette et autoconsommation",
            "Positif : soutiré du réseau. Autoconsommation : part de la production utilisée sur place.",
        ),
        "en": (
            "Net power and self-consumption",
            "Positive: drawn from the grid. Self-consumption: share of the production used on the spot.",
        ),
    },
    "schedule": {
        "fr": ("Programme et réalisé", "Somme des batteries et véhicules ; positif : charge."),
        "en": ("Schedule against actual", "Sum of batteries and EVs; positive: charging."),
    },
    "events": {
        "fr": (
            "Événements en cours et à venir",
            "Dernière modification de chaque événement, avec les réponses.",
        ),
        "en": ("Active and coming events", "Newest modification of each event, with the VENs' answers."),
    },
    "freshness": {
        "fr": (
            "Fraîcheur des données par source",
            "Une valeur vaut jusqu'à la fin de son intervalle. En retard : trois intervalles de silence.",
        ),
        "en": (
            "Data freshness per source",
            "A value reaches to the end of its event. Stale: silent for three resolutions.",
        ),
    },
    "ven_poll": {
        "fr": ("VEN : âge de la dernière interrogation", "Plus de 30 s : trois interrogations manquées."),
        "en": ("VEN: age of the last poll", "Above 30 s: three polls missed."),
    },
    "ven_outbox": {
        "fr": ("VEN : file d'envoi vers FlexMeasures", "Envois par état ; « dead » demande un opérateur."),
        "en": ("VEN: outbox to FlexMeasures", "Posts by state; a dead one needs an operator."),
    },
    "vtn_messages": {
        "fr": ("VTN : messages par minute", "Par type de message OpenADR."),
        "en": ("VTN: messages a minute", "By kind of OpenADR message."),
    },
    "s2_sessions": {
        "fr": ("S2 : appareils connectés", "Gestionnaires de ressources sous contrôle."),
        "en": ("S2: connected devices", "Resource managers under control."),
    },
    "s2_instructions": {
        "fr": ("S2 : instructions par minute", "Par cause."),
        "en": ("S2: instructions a minute", "By cause."),
    },
    "queue": {
        "fr": ("File de calcul", "Travaux en attente par file RQ."),
        "en": ("Job queue", "Jobs waiting, by RQ queue."),
    },
    "database": {
        "fr": ("Base de données : taille", "Octets par base."),
        "en": ("Database size", "Bytes by database."),
    },
    "beliefs": {
        "fr": ("Valeurs par heure", "Lignes de timed_belief par heure d'événement."),
        "en": ("Beliefs an hour", "Rows of timed_belief by hour of the event."),
    },
    "ven_contact": {
        "fr": ("Dernier contact des VEN", "Vu par le VTN, dans sa base."),
        "en": ("Last contact of VENs", "As the VTN sees it, in its database."),
    },
    "backup": {
        "fr": ("Âge de la dernière sauvegarde", "Plus de 26 h : la sauvegarde de la nuit manque."),
        "en": ("Age of the last backup", "Above 26 h: last night's backup is missing."),
    },
    "disk": {
        "fr": ("Disque libre", "Part libre de chaque système de fichiers."),
        "en": ("Free disk", "Free share of each file system."),
    },
}

# Names of columns and series.
NAMES: dict[str, dict[str, str]] = {
    "fr": {
        "net": "Puissance nette (kW)",
        "self_consumption": "Autoconsommation (%)",
        "scheduled": "Programme",
        "actual": "Réalisé",
        "event": "Événement",
        "kind": "Type",
        "start": "Début",
        "end": "Fin",
        "state": "État",
        "answers": "Réponses",
        "cancelled": "annulé",
        "active": "en cours",
        "coming": "à venir",
        "source": "Source",
        "sensors": "Capteurs",
        "newest": "Valeurs jusqu'à",
        "age": "Retard",
        "stale": "Capteurs en retard",
    },
    "en": {
        "net": "Net power (kW)",
        "self_consumption": "Self-consumption (%)",
        "scheduled": "Schedule",
        "actual": "Actual",
        "event": "Event",
        "kind": "Kind",
        "start": "Start",
        "end": "End",
        "state": "State",
        "answers": "Answers",
        "cancelled": "cancelled",
        "active": "active",
        "coming": "coming",
        "source": "Source",
        "sensors": "Sensors",
        "newest": "Values up to",
        "age": "Age",
        "stale": "Stale sensors",
    },
}

ALERTS: dict[str, dict[str, tuple[str, str]]] = {
    "stale": {
        "fr": ("Données en retard", "Des capteurs de {{ $labels.source }} se taisent : make doctor."),
        "en": ("Stale data", "Sensors of {{ $labels.source }} are silent: make doctor."),
    },
    "ven_silent": {
        "fr": ("VEN muet", "{{ $labels.ven_id }} a manqué trois interrogations : make doctor."),
        "en": ("VEN silent", "{{ $labels.ven_id }} missed three polls: make doctor."),
    },
    "unanswered": {
        "fr": ("Événements sans réponse", "Aucun VEN n'a répondu depuis une minute : make doctor."),
        "en": ("Unanswered events", "No VEN has answered for a minute: make doctor."),
    },
}
