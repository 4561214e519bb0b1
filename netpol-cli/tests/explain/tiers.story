$ flows explain --manifests manifests/world.yaml manifests/tiers.yaml manifests/policies.yaml --from prod/web --to prod/db --port 5432
✓ ALLOWED  prod/web → prod/db  TCP port 5432

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/web: ALLOWED, by prod/web
  Admin tier     no policy selects it for egress
    - AdminNetworkPolicy other    does not select it: wants namespace team=nobody, but prod has
                                  team=shop (manifests/tiers.yaml:57)
    - ClusterNetworkPolicy guard  says nothing about egress
    - ClusterNetworkPolicy late   says nothing about egress
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/web  selects pods app=web of namespace prod; allows it by egress[0] to[0] ports[0]
      egress[0] matches and allows
        ✓ to[0]  pods app=db of namespace prod
        ✓ ports[0]  TCP port 5432
        ✗ ports[1]  wants TCP port named metrics, but prod/db has no TCP port named metrics
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)
  Baseline tier  not asked: what comes before it decides
    - ClusterNetworkPolicy floor  says nothing about egress

Ingress of prod/db: ALLOWED, by prod/restrict-traffic
  Admin tier     leaves it to the next tier
    ↓ ClusterNetworkPolicy guard  priority 10: selects every pod of namespaces team=shop; leaves it
                                  to the next tier by ingress[0] from[0]
      ingress[0] "web-to-teams" matches and leaves it to the next tier
        ✓ from[0]  pods app=web of namespaces team=shop
        ✓ protocols lists nothing, so every port matches
          manifests/tiers.yaml:10  - name: web-to-teams
          manifests/tiers.yaml:11    action: Pass
          manifests/tiers.yaml:12    from:
          manifests/tiers.yaml:13    - pods:
          manifests/tiers.yaml:14        namespaceSelector: {matchLabels: {team: shop}}
          manifests/tiers.yaml:15        podSelector: {matchLabels: {app: web}}
      ingress[1] "no-build" not asked
      ingress[2] "monitoring" not asked
    - ClusterNetworkPolicy late   priority 20: selects every pod of every namespace; not asked: what
                                  comes before it decides
    - AdminNetworkPolicy other  does not select it: wants namespace team=nobody, but prod has
                                team=shop (manifests/tiers.yaml:57)
  NetworkPolicy  2 policies select it, and one that allows is enough
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✓ prod/restrict-traffic  selects pods app=db of namespace prod; allows it by ingress[1] from[0]
                             ports[0]
      ingress[0] does not match
        ✗ from[0]  wants namespace team=database, but prod has team=shop
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but prod/web is 10.1.0.6
        ✓ ports[0]  TCP port 5432
      ingress[1] matches and allows
        ✓ from[0]  pods app=web of namespace prod
        ✓ ports[0]  TCP port named sql
          manifests/policies.yaml:26  - from:
          manifests/policies.yaml:27    - podSelector: {matchLabels: {app: web}}
          manifests/policies.yaml:28    ports:
          manifests/policies.yaml:29    - port: sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)
  Baseline tier  not asked: what comes before it decides
    - ClusterNetworkPolicy floor  priority 0: selects every pod of every namespace; not asked: what
                                  comes before it decides
exit 0

$ flows explain --manifests manifests/world.yaml manifests/tiers.yaml --from ci/build --to prod/db --port 5432
✗ DENIED  ci/build → prod/db  TCP port 5432

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it
  Admin tier     no policy selects it for egress
    - AdminNetworkPolicy other    does not select it: wants namespace team=nobody, but ci has
                                  team=build (manifests/tiers.yaml:57)
    - ClusterNetworkPolicy guard  does not select it: wants namespace team=shop, but ci has
                                  team=build (manifests/tiers.yaml:7)
    - ClusterNetworkPolicy late   says nothing about egress
  Baseline tier  no policy selects it for egress
    - ClusterNetworkPolicy floor  says nothing about egress

Ingress of prod/db: DENIED, by ClusterNetworkPolicy guard
  Admin tier     denies it
    ✗ ClusterNetworkPolicy guard  priority 10: selects every pod of namespaces team=shop; denies it
                                  by ingress[1] from[0]
      ingress[0] "web-to-teams" does not match
        ✗ from[0]  wants namespace team=shop, but ci has team=build
          from[0]  wants pod app=web, but ci/build has app=build
        ✓ protocols lists nothing, so every port matches
      ingress[1] "no-build" matches and denies
        ✓ from[0]  every pod of namespaces team=build
        ✓ protocols lists nothing, so every port matches
          manifests/tiers.yaml:16  - name: no-build
          manifests/tiers.yaml:17    action: Deny
          manifests/tiers.yaml:18    from:
          manifests/tiers.yaml:19    - namespaces: {matchLabels: {team: build}}
      ingress[2] "monitoring" not asked
    - ClusterNetworkPolicy late   priority 20: selects every pod of every namespace; not asked: what
                                  comes before it decides
    - AdminNetworkPolicy other  does not select it: wants namespace team=nobody, but prod has
                                team=shop (manifests/tiers.yaml:57)
  Baseline tier  not asked: what comes before it decides
    - ClusterNetworkPolicy floor  priority 0: selects every pod of every namespace; not asked: what
                                  comes before it decides

What would allow it
  • add a rule that accepts before ingress[1] of ClusterNetworkPolicy guard: from pods app=build of
    namespace ci, TCP port 5432
exit 1

$ flows explain --manifests manifests/world.yaml manifests/tiers.yaml --from prod/web --to prod/api[Deployment] --port 8080
✗ DENIED  prod/web → prod/api[Deployment]  TCP port 8080

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/api[Deployment]: any pod of its template; labels app=api; labels of namespace prod
        team=shop; Deployment api; no address

Egress of prod/web: ALLOWED, no policy isolates it
  Admin tier     no policy selects it for egress
    - AdminNetworkPolicy other    does not select it: wants namespace team=nobody, but prod has
                                  team=shop (manifests/tiers.yaml:57)
    - ClusterNetworkPolicy guard  says nothing about egress
    - ClusterNetworkPolicy late   says nothing about egress
  Baseline tier  no policy selects it for egress
    - ClusterNetworkPolicy floor  says nothing about egress

Ingress of prod/api[Deployment]: DENIED, by ClusterNetworkPolicy floor
  Admin tier     leaves it to the next tier
    ↓ ClusterNetworkPolicy guard  priority 10: selects every pod of namespaces team=shop; leaves it
                                  to the next tier by ingress[0] from[0]
      ingress[0] "web-to-teams" matches and leaves it to the next tier
        ✓ from[0]  pods app=web of namespaces team=shop
        ✓ protocols lists nothing, so every port matches
          manifests/tiers.yaml:10  - name: web-to-teams
          manifests/tiers.yaml:11    action: Pass
          manifests/tiers.yaml:12    from:
          manifests/tiers.yaml:13    - pods:
          manifests/tiers.yaml:14        namespaceSelector: {matchLabels: {team: shop}}
          manifests/tiers.yaml:15        podSelector: {matchLabels: {app: web}}
      ingress[1] "no-build" not asked
      ingress[2] "monitoring" not asked
    - ClusterNetworkPolicy late   priority 20: selects every pod of every namespace; not asked: what
                                  comes before it decides
    - AdminNetworkPolicy other  does not select it: wants namespace team=nobody, but prod has
                                team=shop (manifests/tiers.yaml:57)
  Baseline tier  denies it
    ✗ ClusterNetworkPolicy floor  priority 0: selects every pod of every namespace; denies it by
                                  ingress[0] from[0]
      ingress[0] "nobody" matches and denies
        ✓ from[0]  every pod of every namespace
        ✓ protocols lists nothing, so every port matches
          manifests/tiers.yaml:47  - name: nobody
          manifests/tiers.yaml:48    action: Deny
          manifests/tiers.yaml:49    from:
          manifests/tiers.yaml:50    - namespaces: {}

What would allow it
  • add a NetworkPolicy that isolates prod/api[Deployment] for ingress and allows it from pods
    app=web of namespace prod, TCP port 8080
  • add a rule that accepts before ingress[0] of ClusterNetworkPolicy floor: from pods app=web of
    namespace prod, TCP port 8080
exit 1
