"""An echo canceller on trial: generated scenes and recordings, the same for every canceller, and what is measured of each.

`sounds` and `paths` make what a scene is made of, `scenes` puts them together, `cancellers` is who may be tried, `measures` are the
definitions, `trial` says which of them a scene can answer, `costs` is the processor's time, `recordings` reads what a user has
recorded, `plots` draws. The canceller is known by its public face only.
"""
