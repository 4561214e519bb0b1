$ flows explain --manifests manifests/world.yaml manifests/long.yaml --from prod/web --to prod/db --port 5432
✓ ALLOWED  prod/web → prod/db  TCP port 5432

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/web: ALLOWED, no policy isolates it
  NetworkPolicy  no policy isolates it for egress
    - prod/long  does not select it: wants pod app=db, but prod/web has app=web
                 (manifests/long.yaml:6)

Ingress of prod/db: ALLOWED, by prod/long
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/long  selects pods app=db of namespace prod; allows it by ingress[0] from[8] ports[1],
                 ingress[10] from[0] ports[0]
      ingress[0] matches and allows
        ✗ from[0]  wants pod app=client-0, but prod/web has app=web
        ✗ from[1]  wants pod app=client-1, but prod/web has app=web
        ✗ from[2]  wants pod app=client-2, but prod/web has app=web
        ✗ from[3]  wants pod app=client-3, but prod/web has app=web
        ✗ from[4]  wants pod app=client-4, but prod/web has app=web
        ✗ from[5]  wants pod app=client-5, but prod/web has app=web
        ✓ from[8]  pods app=web of namespace prod
        ✗ from: 2 more do not match
        ✗ ports[0]  wants TCP port 80, but it is TCP port 5432
        ✓ ports[1]  TCP port 5432
          manifests/long.yaml:35  - podSelector: &web
          manifests/long.yaml:36      matchLabels:
          manifests/long.yaml:37        app: web
          manifests/long.yaml:40  - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants pod app=other-0, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[2] does not match
        ✗ from[0]  wants pod app=other-1, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[3] does not match
        ✗ from[0]  wants pod app=other-2, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[4] does not match
        ✗ from[0]  wants pod app=other-3, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[5] does not match
        ✗ from[0]  wants pod app=other-4, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[6] does not match
        ✗ from[0]  wants pod app=other-5, but prod/web has app=web
        ✓ ports lists nothing, so every port matches
      ingress[10] matches and allows
        ✓ from[0]  pods app=web of namespace prod
        ✓ ports[0]  TCP port 5432
          manifests/long.yaml:50  - from:
          manifests/long.yaml:51    - podSelector: *web
          manifests/long.yaml:52    ports: [{port: 5432}]
      3 more rules do not match
exit 0
