$ flows explain --manifests manifests/world.yaml manifests/odd.yaml --from ci/build --to prod/db --port 5432
✗ DENIED  ci/build → prod/db  TCP port 5432

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it
  Admin tier     no policy selects it for egress
    - ClusterNetworkPolicy odd  says nothing about egress

Ingress of prod/db: DENIED, by ClusterNetworkPolicy odd
  Admin tier     denies it
    ✗ ClusterNetworkPolicy odd  priority 1: selects every pod of every namespace; denies it by
                                ingress[1] from[0]
      ingress[0] "future-accept" has a peer that is not known, so it accepts nothing
        ✗ from[0]  a kind of peer that is not known here: galaxies
        ✓ protocols lists nothing, so every port matches
      ingress[1] "future-deny" has a peer that is not known, so it denies everything
        ✗ from[0]  a kind of peer that is not known here: galaxies
        ✓ protocols lists nothing, so every port matches
          manifests/odd.yaml:11  - {name: future-deny, action: Deny, from: [{galaxies: {}}]}

What would allow it
  • add a rule that passes before ingress[1] of ClusterNetworkPolicy odd: from pods app=build of
    namespace ci, TCP port 5432
  • add a rule that accepts before ingress[1] of ClusterNetworkPolicy odd: from pods app=build of
    namespace ci, TCP port 5432

Caveats
  • A rule has a peer of a kind that is not known here, so it accepts nothing, or denies everything.
    unsupported-peer
warning: manifests/odd.yaml: document 1: ClusterNetworkPolicy odd: spec.ingress[0].from[0]: has no field that is known, found {galaxies}: its rule fails closed
warning: manifests/odd.yaml: document 1: ClusterNetworkPolicy odd: spec.ingress[1].from[0]: has no field that is known, found {galaxies}: its rule fails closed
exit 1
